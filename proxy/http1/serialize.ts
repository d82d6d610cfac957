import { STATUS_CODES } from 'node:http';
import type { HeaderList } from '../http/headers.js';

/** The field lines of a list, without those that the codec itself writes. */
export function fieldLines(headers: HeaderList): string {
  let text = '';
  for (let i = 0, n = headers.size; i < n; i++) text += `${headers.nameAt(i)}: ${headers.valueAt(i)}\r\n`;
  return text;
}

const statusLines = new Map<number, string>();

/** `HTTP/1.1 200 OK` and CRLF; the standard phrase replaces the upstream's, as Envoy does. */
export function statusLine(status: number, http10: boolean): string {
  if (http10) return `HTTP/1.0 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
    if (statusLines.size < 1000) statusLines.set(status, line);
  }
  return line;
}

/** The status line of a response whose reason phrase is to be kept. */
export function statusLineWith(status: number, reason: string, http10: boolean): string {
  return `HTTP/${http10 ? '1.0' : '1.1'} ${status} ${reason}\r\n`;
}

/** Size line of a chunk (RFC 9112 section 7.1). */
export function chunkStart(length: number): string {
  return `${length.toString(16)}\r\n`;
}

export const LAST_CHUNK = '0\r\n\r\n';
