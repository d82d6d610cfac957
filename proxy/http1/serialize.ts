import type { HeaderList } from '../http/headers.js';
import type { Output } from './output.js';
import { reasonPhrase } from './reason-phrase.js';

/** The field lines of a list, without those that the codec itself writes. */
export function fieldLines(headers: HeaderList): string {
  let text = '';
  for (let i = 0, n = headers.size; i < n; i++) text += `${headers.nameAt(i)}: ${headers.valueAt(i)}\r\n`;
  return text;
}

const statusLines = new Map<number, string>();

/** `HTTP/1.1 200 OK` and CRLF; the standard phrase replaces the upstream's, as Envoy does. */
export function statusLine(status: number, http10: boolean): string {
  if (http10) return `HTTP/1.0 ${status} ${reasonPhrase(status)}\r\n`;
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`;
    if (statusLines.size < 1000) statusLines.set(status, line);
  }
  return line;
}

/** The status line of a response whose reason phrase is to be kept. */
export function statusLineWith(status: number, reason: string, http10: boolean): string {
  return `HTTP/${http10 ? '1.0' : '1.1'} ${status} ${reason}\r\n`;
}

const LAST_CHUNK = '0\r\n\r\n';

/** Writes a chunk, and the last one with `end` (RFC 9112 section 7.1). Returns false when the peer is slow. */
export function writeChunk(output: Output, chunk: Buffer, end: boolean): boolean {
  if (chunk.length > 0) {
    output.text(`${chunk.length.toString(16)}\r\n`);
    output.bytes(chunk);
    output.text(end ? `\r\n${LAST_CHUNK}` : '\r\n');
  } else if (end) {
    output.text(LAST_CHUNK);
  }
  return !output.isBlocked;
}
