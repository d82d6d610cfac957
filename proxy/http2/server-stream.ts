import type { HeaderList } from '../http/headers.js';
import type { ResponseHead } from '../http/message.js';
import type { RequestSink, ResponseSink } from '../http/server-codec.js';
import { ERROR } from './constants.js';
import type { Http2ServerConnection } from './server-connection.js';
import { Http2Stream } from './stream.js';

/** One request from downstream, and its response. */
export class ServerStream extends Http2Stream implements ResponseSink {
  sink: RequestSink | undefined = undefined;
  /** The answer has no body, whatever is given for one. */
  private bodiless = false;
  headSent = false;

  constructor(
    private readonly server: Http2ServerConnection,
    private readonly method: string,
  ) {
    super(server);
  }

  /** After CONNECT the two directions end each by itself. */
  get isTunnel(): boolean {
    return this.method === 'CONNECT';
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
    this.server.sendResponseHead(this, head, end || this.bodiless);
  }

  sendData(chunk: Buffer, end: boolean): boolean {
    return this.bodiless || this.write(chunk, end);
  }

  sendTrailers(trailers: HeaderList): void {
    if (!this.bodiless) this.writeTrailers(trailers);
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
