import { HeaderList } from '../http/headers.js';
import type { ResponseHead } from '../http/message.js';
import { VALUE } from './chars.js';
import { badMessage, Http1Error } from './errors.js';
import { type Framing, parseFields, removeNominated } from './fields.js';

export interface ParsedResponse extends ResponseHead {
  readonly http10: boolean;
}

/**
 * Parses a response head (RFC 9112 section 4). `text` ends with the CRLF of its last line; `framing` is filled.
 * @throws Http1Error
 */
export function parseResponseHead(text: string, framing: Framing, maxFields: number): ParsedResponse {
  const http10 = text.startsWith('HTTP/1.0 ');
  if (!http10 && !text.startsWith('HTTP/1.1 ')) throw badMessage();
  const status = digit(text, 9) * 100 + digit(text, 10) * 10 + digit(text, 11);
  if (status < 100) throw badMessage();
  let i = 12;
  let reason = '';
  if (text.charCodeAt(i) === 32) {
    while (VALUE[text.charCodeAt(i)] === 1) i++;
    reason = text.slice(13, i);
  }
  if (!text.startsWith('\r\n', i)) throw badMessage();
  framing.reset();
  const headers = new HeaderList();
  parseFields(text, i + 2, headers, framing, maxFields);
  if (framing.chunked && framing.contentLength >= 0) {
    throw new Http1Error(502, 'http1.content_length_and_chunked_not_allowed');
  }
  removeNominated(headers, framing);
  return { status, reason, headers, http10 };
}

function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - 48;
  if (value >= 0 && value <= 9) return value;
  throw badMessage();
}
