import type { HeaderList } from './headers.js';
import type { RequestHead, ResponseHead } from './message.js';

/**
 * The seam between a server-side codec (HTTP/1, HTTP/2) and the connection manager. The codec owns bytes, framing
 * and the fields of one hop; the manager owns meaning.
 */

/** The response side of one request. No call is made after `end`, nor after {@link RequestSink.onDownstreamReset}. */
export interface ResponseSink {
  sendInformational(head: ResponseHead): void;
  /** `close` asks to end the connection with this message, where the protocol has one message at a time. */
  sendHead(head: ResponseHead, end: boolean, close: boolean): void;
  /** Returns false when the client is slow: {@link RequestSink.onDownstreamDrain} follows. */
  sendData(chunk: Buffer, end: boolean): boolean;
  sendTrailers(trailers: HeaderList): void;
  /** Breaks the message off. No callback follows. */
  reset(): void;
  setReadable(readable: boolean): void;
}

/** Who receives what follows a request head. */
export interface RequestSink {
  onRequestData(chunk: Buffer, end: boolean): void;
  onRequestTrailers(trailers: HeaderList): void;
  /** The client is gone before the response was complete, or broke the protocol within a body. */
  onDownstreamReset(detail: string, protocolError: boolean): void;
  onDownstreamDrain(): void;
  /** A body broke the protocol before a response head was sent: answer `status`, the connection ends. */
  onBodyError(status: number, details: string, flags: number): void;
}

/** What is known about a head beyond its fields. */
export interface RequestMeta {
  /** No body and no trailers follow. */
  readonly ended: boolean;
  /** Lower-case upgrade type, `connect` for CONNECT, empty for ordinary requests. */
  readonly upgrade: string;
  readonly expectContinue: boolean;
  readonly hasHost: boolean;
  /** Monotonic ms and wall-clock ms of the first byte. */
  readonly start: number;
  readonly startEpoch: number;
  /** Monotonic ms of the packet that completed the head. */
  readonly received: number;
}

/** Who receives a connection's requests: the connection manager. */
export interface RequestReceiver {
  onRequest(response: ResponseSink, request: RequestHead, meta: RequestMeta): RequestSink;
  /** A head that cannot be served. The receiver answers by `response`, the connection ends with it. */
  onBadHead(response: ResponseSink, meta: RequestMeta, status: number, details: string, flags: number): RequestSink;
  /** The client left within a head. */
  onHeadAbandoned(response: ResponseSink, meta: RequestMeta): void;
  /** A head began and is not complete: its time runs. */
  onHeadStarted(): void;
  onConnectionClosed(): void;
}

/** A server-side codec on one connection, as the connection manager holds it. */
export interface ServerCodec {
  /** Neither a request under way nor a part of the next one. */
  readonly idle: boolean;
  /** A head has begun and is not complete, since {@link headStart} (monotonic ms). */
  readonly inHead: boolean;
  readonly headStart: number;
  /** Monotonic ms of the last byte in either direction. */
  readonly lastActivity: number;
  /** Takes no further request, tells the client, and ends when those under way are answered; at once without one. */
  closeWhenIdle(): void;
  /** A request was refused: where nobody can be sure what follows it, the connection ends with the answer. */
  closeAfterRefusal(): void;
  /** Ends a head that did not come in time. */
  failHead(status: number, details: string): void;
  destroy(): void;
}
