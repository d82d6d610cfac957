import type { HeaderList } from '../http/headers.js';
import type { ResponseHead } from '../http/message.js';
import type { RequestSink, ResponseSink } from '../http/server-codec.js';
import { ERROR } from './constants.js';
import type { Http2ServerConnection } from './server-connection.js';
import { Http2Stream } from './stream.js';
import type { WebSocketHandshake } from './websocket-handshake.js';

/** One request from downstream, and its response. */
export class ServerStream extends Http2Stream implements ResponseSink {
  sink: RequestSink | undefined = undefined;
  handshake: WebSocketHandshake | undefined = undefined;
  headSent = false;
  /** Both sides speak another protocol now, and the two directions end each by itself. */
  switched = false;
  /** The answer has no body, whatever is given for one. */
  private bodiless = false;
  /** Whether the request's bytes are wanted, once they may be read. */
  private wanted = true;

  constructor(
    private readonly server: Http2ServerConnection,
    private readonly method: string,
    /** CONNECT, plain or extended. Bytes behind its head wait: without the switch they must not reach anybody. */
    private readonly isConnect: boolean,
  ) {
    super(server);
    if (isConnect) super.setReadable(false);
  }

  sendInformational(head: ResponseHead): void {
    if (!this.closed && !this.headSent) this.server.sendResponseHead(this, head, false);
  }

  sendHead(head: ResponseHead, end: boolean): void {
    if (this.closed || this.headSent) return;
    this.headSent = true;
    const { status, headers } = head;
    this.bodiless = this.method === 'HEAD' || status === 204 || status === 304;
    if (status === 204) headers.delete('content-length');
    if (this.isConnect) this.decideSwitch(head, end);
    this.server.sendResponseHead(this, head, end || this.bodiless);
    if (this.switched) super.setReadable(this.wanted);
  }

  /** An upgrade is granted by 101 in HTTP/1 and by 200 here (RFC 8441 section 5). */
  private decideSwitch(head: ResponseHead, end: boolean): void {
    const plain = this.method === 'CONNECT';
    this.switched = !end && (plain ? head.status >= 200 && head.status < 300 : head.status === 101);
    if (!this.switched) return;
    this.handshake?.finish(head.headers);
    head.headers.delete('content-length');
    if (!plain) head.status = 200;
  }

  sendData(chunk: Buffer, end: boolean): boolean {
    return this.bodiless || this.write(chunk, end);
  }

  sendTrailers(trailers: HeaderList): void {
    if (!this.bodiless) this.writeTrailers(trailers);
  }

  override setReadable(readable: boolean): void {
    this.wanted = readable;
    if (!this.isConnect || this.switched) super.setReadable(readable);
  }

  reset(): void {
    this.sink = undefined;
    this.server.resetStream(this, ERROR.INTERNAL_ERROR);
  }

  protected onData(chunk: Buffer, end: boolean): void {
    this.sink?.onRequestData(chunk, end);
  }

  protected onTrailers(trailers: HeaderList): void {
    this.sink?.onRequestTrailers(trailers);
  }

  protected onDrain(): void {
    this.sink?.onDownstreamDrain();
  }

  onAborted(_code: number, detail: string, connectionLost: boolean): void {
    const { sink } = this;
    this.sink = undefined;
    const broken = detail === 'protocol error';
    const details = connectionLost
      ? 'downstream_remote_disconnect'
      : broken
        ? 'http2.violation.of.messaging.rule'
        : 'http2.remote_reset';
    sink?.onDownstreamReset(details, broken);
  }
}
