import type { HeaderList } from '../http/headers.js';
import type { RequestHead, ResponseHead } from '../http/message.js';
import type { ResetReason, ResponseHandler, UpstreamStream } from '../http/stream.js';
import type { Http2ClientConnection } from './client-connection.js';
import { ERROR } from './constants.js';
import { StreamError } from './errors.js';
import { appendUpgrade, type ReadResponse } from './messages.js';
import { Http2Stream } from './stream.js';
import { ensureAccept } from './websocket-handshake.js';

/** 1xx heads that one response may be preceded by. */
const MAX_INFORMATIONAL = 16;
const NOTHING = Buffer.alloc(0);

/** One request to upstream. It outlives its turn on the connection harmlessly: calls after the end do nothing. */
export class ClientStream extends Http2Stream implements UpstreamStream {
  headSeen = false;
  private method = '';
  /** What an extended CONNECT asked for, in place of HTTP/1's upgrade; empty for other requests. */
  upgrade = '';
  private webSocketKey: string | undefined = undefined;
  private informational = 0;
  private responseDone = false;

  constructor(
    private readonly client: Http2ClientConnection,
    private readonly handler: ResponseHandler,
  ) {
    super(client);
  }

  sendHead(head: RequestHead, end: boolean): void {
    if (this.closed || this.id !== 0) return;
    this.method = head.method;
    this.upgrade = head.headers.get('upgrade') ?? '';
    if (this.upgrade !== '') this.webSocketKey = head.headers.get('sec-websocket-key');
    this.client.sendRequestHead(this, head, end);
  }

  sendData(chunk: Buffer, end: boolean): boolean {
    if (this.closed) return true;
    if (!this.responseDone || this.isTunnel) return this.write(chunk, end);
    // Upstream has answered and does not wait for the rest; ending the body here would pass it off as complete.
    if (end) this.client.resetStream(this, ERROR.CANCEL);
    return true;
  }

  /** After the switch the two directions end each by itself. */
  private get isTunnel(): boolean {
    return this.method === 'CONNECT' || this.upgrade !== '';
  }

  sendTrailers(trailers: HeaderList): void {
    if (!this.responseDone) this.writeTrailers(trailers);
  }

  reset(): void {
    if (this.id === 0) this.client.abandon(this);
    else this.client.resetStream(this, ERROR.CANCEL);
  }

  /**
   * A head came.
   * @throws StreamError
   */
  receiveHead({ head, contentLength }: ReadResponse, end: boolean): void {
    const { status } = head;
    if (status < 200) {
      if (end || status === 101 || ++this.informational > MAX_INFORMATIONAL) {
        throw new StreamError(this.id, ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
      }
      this.handler.onInformational(head);
      return;
    }
    this.headSeen = true;
    if (this.upgrade !== '' && status < 300) {
      this.grantUpgrade(head, end);
      return;
    }
    // Refused: no byte of the other protocol follows, and upstream may wait for the end.
    if (this.isTunnel && status >= 300 && !end) this.write(NOTHING, true);
    const bodiless = this.method === 'HEAD' || status === 204 || status === 304;
    if (contentLength >= 0 && !bodiless) this.expectLength(contentLength);
    if (end) this.headEnds();
    this.respond(head, end);
  }

  /** A body without a head is no answer (RFC 9113 section 8.1). */
  override receiveData(chunk: Buffer, flow: number, end: boolean): void {
    if (!this.headSeen) throw new StreamError(this.id, ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
    super.receiveData(chunk, flow, end);
  }

  /** The answer to an extended CONNECT becomes what HTTP/1 calls it. */
  private grantUpgrade(head: ResponseHead, end: boolean): void {
    head.status = 101;
    head.reason = '';
    appendUpgrade(head.headers, this.upgrade);
    if (this.webSocketKey !== undefined) ensureAccept(head.headers, this.webSocketKey);
    this.handler.onResponseHead(head, false);
    if (end && !this.closed) this.receiveData(NOTHING, 0, true);
  }

  private respond(head: ResponseHead, end: boolean): void {
    if (end) this.responseDone = true;
    this.handler.onResponseHead(head, end);
    if (end) this.client.closeIfEnded(this);
  }

  protected onData(chunk: Buffer, end: boolean): void {
    if (end) this.responseDone = true;
    this.handler.onResponseData(chunk, end);
  }

  protected onTrailers(trailers: HeaderList): void {
    this.responseDone = true;
    this.handler.onResponseTrailers(trailers);
  }

  protected onDrain(): void {
    this.handler.onUpstreamDrain();
  }

  onAborted(code: number, detail: string, connectionLost: boolean): void {
    if (this.responseDone) return;
    this.responseDone = true;
    this.handler.onUpstreamReset(reasonOf(code, detail, connectionLost), detail);
  }
}

function reasonOf(code: number, detail: string, connectionLost: boolean): ResetReason {
  if (connectionLost) return code === ERROR.CANCEL || code === ERROR.NO_ERROR ? 'remote-reset' : 'protocol-error';
  // As Envoy, also where it is the server that complains.
  if (detail === 'protocol error' || code === ERROR.PROTOCOL_ERROR) return 'protocol-error';
  return code === ERROR.REFUSED_STREAM ? 'refused' : 'stream-reset';
}
