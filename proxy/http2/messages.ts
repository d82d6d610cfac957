import { decimal } from '../http/decimal.js';
import { HeaderList } from '../http/headers.js';
import type { RequestHead, ResponseHead } from '../http/message.js';
import { isForbiddenTrailer } from '../http/trailers.js';
import { AUTHORITY, TARGET } from '../http1/chars.js';
import { METHODS } from '../http1/methods.js';
import { type Field, OMITTED } from './fields.js';
import type { HpackEncoder } from './hpack/encoder.js';

/** A message that breaks RFC 9113 section 8: its stream ends with PROTOCOL_ERROR. */
export const MALFORMED = Symbol('malformed');

export interface ReadRequest {
  readonly head: RequestHead;
  readonly contentLength: number;
  readonly expectContinue: boolean;
  /** Lower-case name of the protocol that an extended CONNECT asks for (RFC 8441); the head is then HTTP/1's upgrade. */
  readonly upgrade: string;
}

export interface ReadResponse {
  readonly head: ResponseHead;
  readonly contentLength: number;
}

/** What a block's ordinary fields say. */
interface Plain {
  readonly headers: HeaderList;
  contentLength: number;
  host: string | undefined;
  expectContinue: boolean;
  cookie: string | undefined;
}

export interface RequestRules {
  /** Whether the connection carries TLS. */
  readonly secure: boolean;
  /** Field names may have capitals (see SETTING.FAITHFUL_HTTP1). */
  readonly faithful: boolean;
  /** Extended CONNECT is taken. */
  readonly connects: boolean;
}

export function readRequest(
  fields: readonly Field[],
  { secure, faithful, connects }: RequestRules,
): ReadRequest | typeof MALFORMED {
  let method: string | undefined;
  let path: string | undefined;
  let authority: string | undefined;
  let scheme: string | undefined;
  let protocol: string | undefined;
  let at = 0;
  for (; at < fields.length; at++) {
    const field = fields[at] as Field;
    if (field.kind !== 'pseudo') break;
    const { name, value } = field;
    if (name === ':method' && method === undefined) method = value;
    else if (name === ':path' && path === undefined) path = value;
    else if (name === ':authority' && authority === undefined) authority = value;
    else if (name === ':scheme' && scheme === undefined) scheme = value;
    else if (name === ':protocol' && protocol === undefined && connects) protocol = value;
    else return MALFORMED;
  }
  const plain = readPlain(fields, at, faithful, true);
  if (plain === undefined || !isMethod(method)) return MALFORMED;
  if (protocol !== undefined && (method !== 'CONNECT' || !isMethod(protocol))) return MALFORMED;
  if (method === 'CONNECT' && protocol === undefined) {
    if (path !== undefined || scheme !== undefined || authority === undefined) return MALFORMED;
  } else if (scheme === undefined || !isPath(path, method)) return MALFORMED;
  const host = authority ?? plain.host ?? '';
  for (let i = 0; i < host.length; i++) if (AUTHORITY[host.charCodeAt(i)] !== 1) return MALFORMED;
  if (protocol !== undefined) appendUpgrade(plain.headers, protocol);
  return {
    head: {
      method: protocol === undefined ? method : 'GET',
      path: path ?? '',
      authority: host,
      scheme: secure ? 'https' : 'http',
      version: 'HTTP/2',
      headers: plain.headers,
    },
    contentLength: plain.contentLength,
    expectContinue: plain.expectContinue,
    upgrade: protocol?.toLowerCase() ?? '',
  };
}

/** The fields by which HTTP/1 asks for, and grants, another protocol. */
export function appendUpgrade(headers: HeaderList, protocol: string): void {
  headers.appendKnown('connection', 'connection', 'Upgrade');
  headers.appendKnown('upgrade', 'upgrade', protocol);
}

export function readResponse(fields: readonly Field[], faithful: boolean): ReadResponse | typeof MALFORMED {
  const [first, second] = fields;
  const status = first?.name === ':status' && first.value.length === 3 ? decimal(first.value) : -1;
  if (status < 100) return MALFORMED;
  const reason = faithful && second?.name === ':reason' ? second : undefined;
  const plain = readPlain(fields, reason === undefined ? 1 : 2, faithful, false);
  if (plain === undefined) return MALFORMED;
  const head: ResponseHead = { status, reason: reason?.value ?? '', headers: plain.headers };
  if (reason !== undefined) head.keepReason = true;
  return { head, contentLength: plain.contentLength };
}

export function readTrailers(fields: readonly Field[], faithful: boolean): HeaderList | typeof MALFORMED {
  const plain = readPlain(fields, 0, faithful, false);
  if (plain === undefined) return MALFORMED;
  plain.headers.deleteWhere(isForbiddenTrailer);
  return plain.headers;
}

function readPlain(fields: readonly Field[], from: number, faithful: boolean, request: boolean): Plain | undefined {
  const headers = new HeaderList();
  const plain: Plain = { headers, contentLength: -1, host: undefined, expectContinue: false, cookie: undefined };
  for (let i = from; i < fields.length; i++) {
    const field = fields[i] as Field;
    const { kind, key, name } = field;
    if (kind === 'bad' || kind === 'pseudo' || (!faithful && name !== key)) return undefined;
    if (kind === 'plain') headers.appendKnown(key, name, field.value);
    else if (!readSpecial(field, plain, request)) return undefined;
  }
  return plain;
}

function readSpecial({ kind, key, name, value }: Field, plain: Plain, request: boolean): boolean {
  const { headers } = plain;
  if (kind === 'content-length') {
    const length = decimal(value);
    if (length < 0 || plain.contentLength >= 0) return false;
    plain.contentLength = length;
  } else if (request && kind === 'host') {
    if (plain.host !== undefined) return false;
    plain.host = value;
    return true;
  } else if (request && kind === 'expect' && value.toLowerCase() === '100-continue') {
    plain.expectContinue = true;
    return true;
  } else if (request && kind === 'cookie') {
    // Crumbs become one field again (RFC 9113 section 8.2.3).
    plain.cookie = plain.cookie === undefined ? value : `${plain.cookie}; ${value}`;
    if (headers.has('cookie')) {
      headers.set('cookie', plain.cookie);
      return true;
    }
  }
  headers.appendKnown(key, name, value);
  return true;
}

function isMethod(method: string | undefined): method is string {
  return method !== undefined && (METHODS.has(method) || /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method));
}

function isPath(path: string | undefined, method: string): path is string {
  if (path === undefined || path === '') return false;
  if (path.charCodeAt(0) !== 47 /* / */) return path === '*' && method === 'OPTIONS';
  for (let i = 1; i < path.length; i++) if (TARGET[path.charCodeAt(i)] !== 1) return false;
  return true;
}

/** `upgrade` is the protocol that an HTTP/1 upgrade asks for; empty for other requests. */
export function encodeRequest(encoder: HpackEncoder, head: RequestHead, upgrade: string, faithful: boolean): void {
  encoder.begin();
  encoder.field(':method', upgrade === '' ? head.method : 'CONNECT');
  if (upgrade !== '') encoder.field(':protocol', upgrade);
  if (head.method !== 'CONNECT') {
    encoder.field(':scheme', head.scheme);
    encoder.field(':path', head.path);
  }
  encoder.field(':authority', head.authority);
  encodePlain(encoder, head.headers, faithful);
}

export function encodeResponse(encoder: HpackEncoder, head: ResponseHead, faithful: boolean): void {
  encoder.begin();
  encoder.field(':status', String(head.status));
  if (faithful && head.reason !== '') encoder.field(':reason', head.reason);
  encodePlain(encoder, head.headers, faithful);
}

export function encodeTrailers(encoder: HpackEncoder, trailers: HeaderList, faithful: boolean): void {
  encoder.begin();
  encodePlain(encoder, trailers, faithful);
}

function encodePlain(encoder: HpackEncoder, headers: HeaderList, faithful: boolean): void {
  for (let i = 0, n = headers.size; i < n; i++) {
    const key = headers.keyAt(i);
    if (OMITTED.has(key) || (key === 'te' && headers.valueAt(i) !== 'trailers')) continue;
    encoder.field(faithful ? headers.nameAt(i) : key, headers.valueAt(i));
  }
}
