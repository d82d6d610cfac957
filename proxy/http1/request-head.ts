import { HeaderList } from '../http/headers.js';
import type { HttpVersion, RequestHead } from '../http/message.js';
import { AUTHORITY, CR, SP, TARGET, TOKEN } from './chars.js';
import { badMessage, Http1Error, invalidCharacters, lowVersion } from './errors.js';
import { type Framing, parseFields, removeNominated } from './fields.js';
import { METHODS } from './methods.js';

/**
 * Parses a request head (RFC 9112 section 3). `text` ends with the CRLF of its last line; `framing` is filled.
 * @throws Http1Error
 */
export function parseRequestHead(text: string, framing: Framing, maxFields: number, secure: boolean): RequestHead {
  try {
    return parseHead(text, framing, maxFields, secure);
  } catch (error) {
    // Envoy looks for such characters before it looks for anything else.
    if (error instanceof Http1Error && error.status === 400 && TOKEN[text.charCodeAt(0)] === 1 && CONTROL.test(text)) {
      throw invalidCharacters();
    }
    throw error;
  }
}

/** Characters that no head may contain; CR and LF are the business of its lines. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

function parseHead(text: string, framing: Framing, maxFields: number, secure: boolean): RequestHead {
  let i = 0;
  while (TOKEN[text.charCodeAt(i)] === 1) i++;
  if (i === 0 || text.charCodeAt(i) !== SP) throw badMessage();
  const method = text.slice(0, i);
  if (!METHODS.has(method)) throw badMessage();
  const targetStart = ++i;
  while (TARGET[text.charCodeAt(i)] === 1) i++;
  // HTTP/0.9 named no version.
  if (text.charCodeAt(i) === CR && text.charCodeAt(targetStart) === SLASH) throw lowVersion();
  if (i === targetStart || text.charCodeAt(i) !== SP) throw badMessage();
  const target = text.slice(targetStart, i);
  const version = parseVersion(text, i + 1);

  framing.reset();
  const headers = new HeaderList();
  parseFields(text, i + 11, headers, framing, maxFields);
  const request: RequestHead = {
    method,
    path: target,
    authority: framing.host ?? '',
    scheme: secure ? 'https' : 'http',
    schemeGiven: false,
    version,
    headers,
  };
  if (method === 'CONNECT') applyConnectTarget(request, framing);
  else if (target.charCodeAt(0) !== SLASH) applyTarget(request, framing);
  checkAuthority(request.authority);
  checkFraming(request, framing);
  removeNominated(headers, framing);
  if (framing.teTrailers) headers.appendKnown('te', 'te', 'trailers');
  return request;
}

/** The 8 characters of the version and the CRLF behind them. */
function parseVersion(text: string, at: number): HttpVersion {
  if (text.startsWith('HTTP/1.1\r\n', at)) return 'HTTP/1.1';
  if (text.startsWith('HTTP/1.0\r\n', at)) return 'HTTP/1.0';
  throw VERSION.test(text.slice(at, text.indexOf('\r', at))) ? lowVersion() : badMessage();
}

const SLASH = 47;
const VERSION = /^HTTP\/\d\.\d$/;
const ABSOLUTE = /^([a-z][a-z0-9+.-]*):\/\/(?:[^/?#@]*@)?([^/?#@]+)([/?][^#]*)?$/i;

/** Absolute form: its host replaces the Host field (RFC 9112 section 3.2.2). `*` belongs to OPTIONS alone. */
function applyTarget(request: RequestHead, framing: Framing): void {
  if (request.path === '*' && request.method === 'OPTIONS') return;
  if (/^[\w-]+$/.test(request.path)) throw badMessage();
  const parts = ABSOLUTE.exec(request.path);
  const [, scheme, authority, path] = parts ?? [];
  if (scheme === undefined || authority === undefined) throw new Http1Error(400, 'http1.invalid_url');
  request.authority = authority;
  if (!/^https?$/i.test(scheme)) throw new Http1Error(400, 'http1.invalid_scheme');
  request.schemeGiven = true;
  framing.host ??= authority;
  // A query alone stays one, and is refused as Envoy does: no path begins with it.
  request.path = path ?? '/';
}

const HOST_AND_PORT = /^[^/?#@\s]+:\d{1,5}$/;

function applyConnectTarget(request: RequestHead, framing: Framing): void {
  if (!HOST_AND_PORT.test(request.path)) throw new Http1Error(400, 'http1.invalid_url');
  request.authority = request.path;
  framing.host ??= request.path;
  request.path = '';
}

function checkAuthority(authority: string): void {
  for (let i = 0; i < authority.length; i++) {
    if (AUTHORITY[authority.charCodeAt(i)] !== 1) throw new Http1Error(400, 'http.invalid_authority');
  }
}

/** RFC 9112 section 6.1 and 6.3: what could make two parsers see two different messages is refused. */
function checkFraming(request: RequestHead, framing: Framing): void {
  if (framing.chunked && framing.contentLength >= 0) {
    throw new Http1Error(400, 'http1.content_length_and_chunked_not_allowed');
  }
  if (framing.chunked && request.version === 'HTTP/1.0') throw badMessage();
  if (request.method === 'CONNECT' && (framing.chunked || framing.contentLength > 0)) {
    throw new Http1Error(400, 'http1.body_disallowed');
  }
}
