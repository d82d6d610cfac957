import { randomFillSync } from 'node:crypto';

/** What travels from hop to hop: which trace, which span of it is the parent, and whether spans are recorded. Ids are lower-case hex. */
export interface TraceContext {
  /** 16 or 32 digits. */
  readonly traceId: string;
  /** 16 digits. */
  readonly spanId: string;
  readonly sampled: boolean;
  /** W3C `tracestate`, passed on as it came. */
  readonly state: string;
}

/** What a request brought; parts of it may be missing. */
export interface ReceivedContext {
  /** Absent: no trace was begun, though somebody may have decided about sampling. */
  readonly parent: Omit<TraceContext, 'sampled'> | undefined;
  /** The caller's decision; undefined leaves it to us. */
  readonly sampled: boolean | undefined;
}

/** What cannot be understood: the request travels on as it came, and no span is made of it, as with Envoy. */
export const MALFORMED = 'malformed';

export const NOTHING_RECEIVED: ReceivedContext = { parent: undefined, sampled: undefined };

/** Random identifiers of spans and traces; tests bring their own. */
export type NewId = (bytes: 8 | 16) => string;

const ID = Buffer.alloc(16);

/** Random, and never all zero (W3C Trace Context section 3.2.2.3). */
export const randomId: NewId = (bytes) => {
  randomFillSync(ID, 0, bytes);
  const id = ID.toString('hex', 0, bytes);
  return isId(id) ? id : randomId(bytes);
};

/** Whether a text is an identifier: hex digits in lower case, not all of them zero. */
export function isId(text: string): boolean {
  return /^[0-9a-f]+$/.test(text) && !/^0+$/.test(text);
}
