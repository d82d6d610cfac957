import { HeaderList } from '../../../proxy/http/headers.js';
import type { RequestHead } from '../../../proxy/http/message.js';
import type { RequestMeta, RequestReceiver, RequestSink, ResponseSink } from '../../../proxy/http/server-codec.js';
import type { ResponseHandler, UpstreamStream } from '../../../proxy/http/stream.js';
import { Http1ClientConnection } from '../../../proxy/http1/client-connection.js';
import { MemorySocket, type StillClock } from '../memory-socket.js';

const NOTHING = (): void => undefined;

/** What follows a head that was refused. */
export const IGNORED: RequestSink = {
  onRequestData: NOTHING,
  onRequestTrailers: NOTHING,
  onDownstreamReset: NOTHING,
  onDownstreamDrain: NOTHING,
  onBodyError: NOTHING,
};
const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');

/** A request as the server side counted it. */
export interface Counted {
  readonly method: string;
  readonly path: string;
  body: string;
  complete: boolean;
  readonly raw: boolean;
}

/**
 * What stands between two codecs, and no more: requests go on to upstream connections of HTTP/1, whose bytes are kept.
 * Upstream answers 200 to each. One connection is used again and again, as a pool does.
 */
export class Relay implements RequestReceiver {
  readonly counted: Counted[] = [];
  readonly upstreams: MemorySocket[] = [];
  closed = 0;
  open = 0;
  private readonly idle: { readonly connection: Http1ClientConnection; readonly socket: MemorySocket }[] = [];

  constructor(private readonly clock: StillClock) {}

  onRequest(response: ResponseSink, request: RequestHead, meta: RequestMeta): RequestSink {
    // The connection manager refuses what is no path; here it goes on, in a form that can be read again.
    if (request.path.startsWith('?')) request.path = `/${request.path}`;
    const counted: Counted = {
      method: request.method,
      path: request.method === 'CONNECT' ? request.authority : request.path,
      body: '',
      complete: meta.ended,
      raw: meta.upgrade !== '',
    };
    this.counted.push(counted);
    this.open++;
    const { connection, socket } = this.idle.pop() ?? this.dial();
    const stream = connection.start(this.handler(response));
    stream.sendHead(request, meta.ended);
    if (meta.ended) socket.feed(ANSWER);
    return this.sink(response, counted, stream, socket);
  }

  onBadHead(response: ResponseSink, _meta: RequestMeta, status: number): RequestSink {
    this.open++;
    this.send(response, status);
    return IGNORED;
  }

  onHeadAbandoned(): void {}
  onHeadStarted(): void {}
  onConnectionClosed(): void {
    this.closed++;
  }

  /** All connections end. */
  hangUp(): void {
    for (const socket of this.upstreams) socket.hangUp();
  }

  private sink(response: ResponseSink, counted: Counted, stream: UpstreamStream, socket: MemorySocket): RequestSink {
    const finish = (): void => {
      counted.complete = true;
      if (!counted.raw) socket.feed(ANSWER);
    };
    return {
      onRequestData: (chunk, end) => {
        counted.body += chunk.toString('latin1');
        stream.sendData(chunk, end);
        if (end) finish();
      },
      onRequestTrailers: (trailers) => {
        stream.sendTrailers(trailers);
        finish();
      },
      onDownstreamReset: () => {
        this.open--;
        stream.reset();
      },
      onDownstreamDrain: NOTHING,
      onBodyError: (status) => {
        stream.reset();
        this.send(response, status);
      },
    };
  }

  private handler(response: ResponseSink): ResponseHandler {
    let answered = false;
    return {
      onInformational: NOTHING,
      onResponseHead: (head, end) => {
        answered = true;
        if (end) this.open--;
        response.sendHead(head, end, false);
      },
      onResponseData: (chunk, end) => {
        if (end) this.open--;
        response.sendData(chunk, end);
      },
      onResponseTrailers: (trailers) => {
        this.open--;
        response.sendTrailers(trailers);
      },
      onUpstreamReset: () => {
        if (!answered) this.send(response, 503);
        else {
          this.open--;
          response.reset();
        }
      },
      onUpstreamDrain: NOTHING,
    };
  }

  private send(response: ResponseSink, status: number): void {
    this.open--;
    response.sendHead({ status, reason: '', headers: new HeaderList() }, true, false);
  }

  private dial(): { readonly connection: Http1ClientConnection; readonly socket: MemorySocket } {
    const socket = new MemorySocket();
    this.upstreams.push(socket);
    const connection: Http1ClientConnection = new Http1ClientConnection(
      socket.socket,
      { onAvailable: () => void this.idle.push({ connection, socket }), onUnusable: NOTHING },
      { clock: this.clock },
    );
    return { connection, socket };
  }
}
