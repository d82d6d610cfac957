import type { HeaderList } from '../http/headers.js';
import type { RequestHead } from '../http/message.js';
import type { ResponseHandler, UpstreamStream } from '../http/stream.js';
import type { Output } from './output.js';
import { fieldLines, writeChunk } from './serialize.js';

/** The connection that a stream runs on. */
export interface StreamOwner {
  /** The stream gave up; the connection cannot be used again. */
  resetStream(): void;
  setReadable(readable: boolean): void;
  onRequestEnded(): void;
}

/** How the request body is written; `off` when nothing more may be sent. */
type WriteState = 'none' | 'length' | 'chunked' | 'raw' | 'off';

/** One request. It outlives its turn on the connection harmlessly: calls after the end do nothing. */
export class ClientStream implements UpstreamStream {
  requestEnded = false;
  responseEnded = false;
  isHead = false;
  isConnect = false;
  isUpgrade = false;
  private writeState: WriteState = 'none';
  private wantsDrain = false;

  constructor(
    private readonly connection: StreamOwner,
    private readonly output: Output,
    readonly handler: ResponseHandler,
  ) {}

  sendHead(head: RequestHead, end: boolean): void {
    if (this.isOver()) return;
    this.isHead = head.method === 'HEAD';
    this.isConnect = head.method === 'CONNECT';
    this.isUpgrade = !this.isConnect && head.headers.has('upgrade');
    const target = this.isConnect ? head.authority : head.path;
    const framing = this.frame(head, end);
    this.output.text(
      `${head.method} ${target} HTTP/1.1\r\nhost: ${head.authority}\r\n${fieldLines(head.headers)}${framing}\r\n`,
    );
    if (end) this.requestEnded = true;
  }

  sendData(chunk: Buffer, end: boolean): boolean {
    if (this.isOver()) return true;
    let open = true;
    if (this.writeState === 'chunked') {
      open = writeChunk(this.output, chunk, end);
    } else if (chunk.length > 0 && this.writeState !== 'off') {
      open = this.output.bytes(chunk);
    }
    if (end) this.finish();
    else if (!open) this.wantsDrain = true;
    return open;
  }

  sendTrailers(trailers: HeaderList): void {
    if (this.isOver()) return;
    if (this.writeState === 'chunked') this.output.text(`0\r\n${fieldLines(trailers)}\r\n`);
    this.finish();
  }

  reset(): void {
    // After an ordinary response the connection serves others already; a tunnel ends only with both sides.
    if (this.responseEnded && (this.requestEnded || this.writeState !== 'raw')) return;
    this.requestEnded = true;
    this.responseEnded = true;
    this.connection.resetStream();
  }

  setReadable(readable: boolean): void {
    if (!this.responseEnded) this.connection.setReadable(readable);
  }

  drained(): void {
    if (!this.wantsDrain) return;
    this.wantsDrain = false;
    this.handler.onUpstreamDrain();
  }

  startRaw(): void {
    this.writeState = 'raw';
    if (this.requestEnded) this.connection.onRequestEnded();
  }

  /** An upgrade or CONNECT that upstream answered as an ordinary request: no byte of the other protocol may follow. */
  refuseSwitch(): void {
    if (!this.isUpgrade && !this.isConnect) return;
    this.writeState = 'off';
    this.requestEnded = true;
  }

  private frame(head: RequestHead, end: boolean): string {
    if (this.isUpgrade || this.isConnect) {
      this.writeState = 'raw';
      return '';
    }
    if (head.headers.has('content-length')) {
      this.writeState = 'length';
      return '';
    }
    if (end) {
      this.writeState = 'length';
      return expectsBody(head.method) ? 'content-length: 0\r\n' : '';
    }
    this.writeState = 'chunked';
    return 'transfer-encoding: chunked\r\n';
  }

  private finish(): void {
    this.requestEnded = true;
    this.connection.onRequestEnded();
  }

  /** Nothing may be written for this request any more: the connection may serve another one. */
  private isOver(): boolean {
    return this.requestEnded || (this.responseEnded && this.writeState !== 'raw');
  }
}

/** Methods whose requests say that their body is empty (RFC 9110 section 8.6); the others have no use for one. */
function expectsBody(method: string): boolean {
  return !NO_BODY.has(method);
}

const NO_BODY = new Set(['GET', 'HEAD', 'DELETE', 'TRACE', 'CONNECT']);
