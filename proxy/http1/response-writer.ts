import type { HeaderList } from '../http/headers.js';
import type { ResponseHead } from '../http/message.js';
import type { Output } from './output.js';
import { fieldLines, statusLine, statusLineWith, writeChunk } from './serialize.js';

/** How the response that is being written is framed; `none` before its head. */
type Framing = 'none' | 'length' | 'chunked' | 'close' | 'bodiless' | 'raw';

/** Writes one response after the other, each framed anew whatever framing it came with (RFC 9112 section 6). */
export class ResponseWriter {
  private framing: Framing = 'none';
  private readonly output: Output;

  constructor(output: Output) {
    this.output = output;
  }

  /** Whether the head of the running response was written. */
  get started(): boolean {
    return this.framing !== 'none';
  }

  get raw(): boolean {
    return this.framing === 'raw';
  }

  reset(): void {
    this.framing = 'none';
  }

  /** Whether only the end of the connection ends a response to this request: HTTP/1.0 knows no chunks. */
  needsClose(head: ResponseHead, end: boolean, http10: boolean, isHead: boolean): boolean {
    return http10 && !end && !isHead && !isBodiless(head.status) && !head.headers.has('content-length');
  }

  /** `connection` is the value of the Connection field, if there shall be one. */
  head(head: ResponseHead, end: boolean, http10: boolean, isHead: boolean, connection: string): void {
    const framing = this.frame(head.status, head.headers, end, http10, isHead);
    const first =
      head.keepReason === true ? statusLineWith(head.status, head.reason, http10) : statusLine(head.status, http10);
    const lines = first + fieldLines(head.headers) + framing;
    this.output.text(connection === '' ? `${lines}\r\n` : `${lines}connection: ${connection}\r\n\r\n`);
  }

  /** The head after which both sides speak another protocol. */
  rawHead(head: ResponseHead): void {
    this.framing = 'raw';
    head.headers.delete('content-length');
    if (head.status !== 101) head.headers.delete('connection');
    const connection = head.status === 101 && !head.headers.has('connection') ? 'connection: Upgrade\r\n' : '';
    this.output.text(`${statusLine(head.status, false)}${fieldLines(head.headers)}${connection}\r\n`);
  }

  informational(head: ResponseHead): void {
    this.output.text(`${statusLine(head.status, false)}${fieldLines(head.headers)}\r\n`);
  }

  /** Returns false when the client is slow. */
  data(chunk: Buffer, end: boolean): boolean {
    if (this.framing === 'bodiless') return true;
    if (this.framing !== 'chunked') return chunk.length === 0 || this.output.bytes(chunk);
    return writeChunk(this.output, chunk, end);
  }

  trailers(trailers: HeaderList): void {
    if (this.framing === 'chunked') this.output.text(`0\r\n${fieldLines(trailers)}\r\n`);
  }

  /** Sets how the body will be written and returns the line that says so. */
  private frame(status: number, headers: HeaderList, end: boolean, http10: boolean, isHead: boolean): string {
    if (isHead || isBodiless(status)) {
      if (status !== 304 && !isHead) headers.delete('content-length');
      this.framing = 'bodiless';
      // As Envoy: HEAD is told how the body of a GET would come.
      const told = isHead && !http10 && !isBodiless(status) && !headers.has('content-length');
      return told ? 'transfer-encoding: chunked\r\n' : '';
    }
    if (headers.has('content-length')) {
      this.framing = 'length';
      return '';
    }
    if (end) {
      this.framing = 'length';
      return 'content-length: 0\r\n';
    }
    this.framing = http10 ? 'close' : 'chunked';
    return http10 ? '' : 'transfer-encoding: chunked\r\n';
  }
}

/** RFC 9110 section 6.4.1. */
function isBodiless(status: number): boolean {
  return status === 204 || status === 304 || status < 200;
}
