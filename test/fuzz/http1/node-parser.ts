import { createRequire } from 'node:module';

/** The parser that `node:http` itself uses (llhttp), without a server around it. */

/** A message as a parser read it. */
export interface Message {
  /** `METHOD target`, or the status. */
  readonly start: string;
  /** Names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  body: string;
  complete: boolean;
  /** The connection speaks another protocol from here on; what followed is `body`. */
  raw: boolean;
}

export interface Reading {
  readonly messages: readonly Message[];
  /** Why nothing more is read; undefined while more could come. */
  readonly refused: string | undefined;
}

interface NodeParser {
  [slot: number]: unknown;
  initialize(type: number, resource: object, maxHeaderSize?: number): void;
  execute(bytes: Buffer): number | Error;
  finish(): Error | undefined;
  close(): void;
}

interface Binding {
  readonly HTTPParser: {
    new (): NodeParser;
    readonly REQUEST: number;
    readonly RESPONSE: number;
    readonly kOnHeaders: number;
    readonly kOnHeadersComplete: number;
    readonly kOnBody: number;
    readonly kOnMessageComplete: number;
  };
  readonly methods: readonly string[];
  readonly allMethods?: readonly string[];
}

const binding = loadBinding();
const { HTTPParser } = binding;
const METHODS = binding.allMethods ?? binding.methods;
const MAX_HEAD = 1 << 20;

/** Newer releases of Node (26) hide the binding, and have the parser in a module beside `node:http`. */
function loadBinding(): Binding {
  const { binding: load } = process as unknown as { binding: (name: string) => Binding };
  try {
    return load('http_parser');
  } catch {
    return createRequire(import.meta.url)('_http_common') as Binding;
  }
}

/** `asked` is the method of the request that responses answer. */
export function readByNode(input: Buffer, kind: 'request' | 'response', asked = 'GET'): Reading {
  const messages: Message[] = [];
  let keepAlive = true;
  let raw = false;
  let pending: string[] = [];
  let pendingUrl = '';
  let current: Message | undefined;
  const parser = new HTTPParser();
  parser.initialize(kind === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {}, MAX_HEAD);
  parser[HTTPParser.kOnHeaders] = (fields: string[], url: string): void => {
    pending = [...pending, ...fields];
    pendingUrl += url;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    major: number,
    minor: number,
    fields: string[] | undefined,
    method: number | undefined,
    url: string | undefined,
    status: number,
    _reason: string,
    upgrade: boolean,
    shouldKeepAlive: boolean,
  ): number => {
    keepAlive = shouldKeepAlive;
    const list = pairs([...pending, ...(fields ?? [])]);
    pending = [];
    const target = pendingUrl + (url ?? '');
    pendingUrl = '';
    const name = METHODS[method ?? -1] ?? '';
    current = {
      start: kind === 'request' ? `${name} ${target}` : String(status),
      fields: list,
      body: '',
      complete: false,
      raw: false,
    };
    messages.push(current);
    raw = kind === 'request' ? upgrade && switches(name, list, major * 10 + minor) : tunnels(asked, status);
    if (raw) return 2;
    if (kind === 'request') return 0;
    // RFC 9112 section 6.3: these never have a body, whatever their fields say. llhttp leaves that to its caller.
    const bodiless = status < 200 || status === 204 || status === 304;
    return asked === 'HEAD' || bodiless ? 1 : 0;
  };
  parser[HTTPParser.kOnBody] = (chunk: Buffer, offset?: number, length?: number): void => {
    // Node 20 gives the whole buffer and a place in it, later ones the piece.
    const piece = offset === undefined ? chunk : chunk.subarray(offset, offset + (length ?? 0));
    if (current !== undefined) current.body += piece.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = (): void => {
    pending = [];
    pendingUrl = '';
    if (current !== undefined) current.complete = true;
  };
  const result = parser.execute(input);
  let refused = result instanceof Error ? reasonOf(result) : undefined;
  const rest = typeof result === 'number' && result < input.length ? input.subarray(result) : undefined;
  if (rest !== undefined && current !== undefined) {
    if (raw) {
      current.raw = true;
      current.body = rest.toString('latin1');
    } else if (!current.complete) {
      // Where an upgrade is asked for, Node's binding keeps errors to itself.
      refused = 'HIDDEN_BY_UPGRADE';
    } else if (keepAlive) {
      // It stops at every upgrade that is asked for; this one is not granted.
      const further = readByNode(rest, kind, asked);
      messages.push(...further.messages);
      refused = further.refused;
    }
  } else if (refused === undefined && kind === 'response') {
    const late = parser.finish();
    if (late instanceof Error) refused = reasonOf(late);
  }
  parser.close();
  return { messages, refused };
}

function pairs(flat: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) list.push([(flat[i] ?? '').toLowerCase(), flat[i + 1] ?? '']);
  return list;
}

/** Which upgrades are taken as such: as ours, those without a body, and not h2c. The others are ordinary requests. */
function switches(method: string, fields: readonly (readonly [string, string])[], version: number): boolean {
  if (method === 'CONNECT') return true;
  if (version !== 11) return false;
  return !fields.some(
    ([name, value]) =>
      name === 'transfer-encoding' ||
      (name === 'content-length' && Number(value) > 0) ||
      (name === 'upgrade' && /(^|,)\s*h2c\s*(,|$)/i.test(value)),
  );
}

function tunnels(asked: string, status: number): boolean {
  return status === 101 || (asked === 'CONNECT' && status >= 200 && status < 300);
}

/** The parser's code and its words. */
function reasonOf(error: Error): string {
  const { code, reason } = error as NodeJS.ErrnoException & { readonly reason?: string };
  return `${code ?? ''} ${reason ?? error.message}`;
}
