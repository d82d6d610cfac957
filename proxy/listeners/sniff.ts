import type { Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import { type ClientHello, parseClientHello } from './client-hello.js';
import { type Peeked, peek } from './peek.js';

/** What a connection's first bytes are. */
export type Sniffed =
  | { readonly kind: 'tls'; readonly hello: ClientHello }
  | { readonly kind: 'http1' | 'http2' | 'unknown' }
  /** Nothing came in time: the server may have to speak first. */
  | { readonly kind: 'silent' };

export interface SniffOptions {
  readonly tls: boolean;
  readonly http: boolean;
  /** 0 waits for ever. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** More undecided bytes than this are of no protocol that we know. */
const MAX_UNDECIDED = 64 * 1024;

/** Classifies what has arrived; undefined while it could still be several things. */
export function classify(bytes: Buffer, options: Pick<SniffOptions, 'tls' | 'http'>): Sniffed | undefined {
  if (bytes.length === 0) return undefined;
  if (options.tls) {
    const hello = parseClientHello(bytes);
    if (hello === 'incomplete') return bytes.length > MAX_UNDECIDED ? { kind: 'unknown' } : undefined;
    if (hello !== 'none') return { kind: 'tls', hello };
  }
  return options.http ? classifyHttp(bytes) : { kind: 'unknown' };
}

function classifyHttp(bytes: Buffer): Sniffed | undefined {
  const length = Math.min(bytes.length, PREFACE.length);
  if (bytes.compare(PREFACE, 0, length, 0, length) === 0) {
    return length === PREFACE.length ? { kind: 'http2' } : undefined;
  }
  const lineEnd = bytes.indexOf(10);
  if (lineEnd < 0) return METHOD_START.test(bytes.toString('latin1', 0, 64)) ? { kind: 'http1' } : { kind: 'unknown' };
  return REQUEST_LINE.test(bytes.toString('latin1', 0, lineEnd)) ? { kind: 'http1' } : { kind: 'unknown' };
}

const METHOD_START = /^[A-Z]{1,32}(?: [!-~]*(?: |$)|$)/;
const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^ ]+ HTTP\/1\.[01]\r?$/;

/**
 * Looks at the first bytes of a paused socket, pushes them back, and leaves it paused. The callback does not come when the
 * connection ends first.
 */
export function sniff(socket: Socket, options: SniffOptions, done: (result: Sniffed) => void): void {
  const look = (bytes: Buffer): Peeked<Sniffed> | undefined => {
    const result = classify(bytes, options);
    return result === undefined ? undefined : { result, consumed: 0 };
  };
  peek(socket, options, look, (result) => done(result === 'silent' ? SILENT : result));
}

const SILENT: Sniffed = { kind: 'silent' };
