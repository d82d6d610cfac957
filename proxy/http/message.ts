import type { HeaderList } from './headers.js';

export type HttpVersion = 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';

/** A request's head, codec-neutral. Filters and the router change it in place before it is sent upstream. */
export interface RequestHead {
  method: string;
  /** Path with query, in origin form; the authority form of CONNECT leaves it empty. */
  path: string;
  /** Host header or :authority, as received. */
  authority: string;
  scheme: 'http' | 'https';
  /** The request itself named its scheme; else x-forwarded-proto does, or the connection. */
  schemeGiven?: boolean;
  version: HttpVersion;
  /** Without Host and without pseudo-headers; those are the fields above. */
  headers: HeaderList;
}

export interface ResponseHead {
  status: number;
  /** Reason phrase of HTTP/1; may be empty. */
  reason: string;
  headers: HeaderList;
  /** The reason phrase is the application's own and both hops were ours: it is passed on, where Envoy writes the standard one. */
  keepReason?: boolean;
}

/** The value that a header matcher or a log operator sees under a name, pseudo-headers included. `key` is lower-case. */
export function requestHeader(request: RequestHead, key: string): string | undefined {
  if (key.charCodeAt(0) === 58 /* : */) {
    switch (key) {
      case ':path':
        return request.path;
      case ':method':
        return request.method;
      case ':authority':
        return request.authority;
      case ':scheme':
        return request.scheme;
      default:
        return undefined;
    }
  }
  if (key === 'host') return request.authority;
  return request.headers.joined(key);
}
