import type { Random } from '../../common/runtime/clock.js';
import type { RouteAction, RouteEntry } from '../router/route.js';
import type { RequestTrace } from '../tracing/request-trace.js';
import type { HeaderList } from './headers.js';
import type { RequestHead, ResponseHead } from './message.js';
import type { StreamInfo } from './stream-info.js';

/**
 * The seam between codecs, connection manager and router. A codec parses bytes into these calls and writes these
 * calls as bytes; nothing on either side knows which protocol the other speaks.
 *
 * Order of a message: head, data*, end. `end` comes exactly once, as the flag of the last head or data call or as
 * trailers. After a reset nothing more comes. Buffers handed over must be used or copied before the call returns
 * unless the receiver takes ownership by keeping them: senders never write into a Buffer after handing it over.
 */

export type ResetReason =
  /** No connection was made; nothing was sent. */
  | 'connect-failure'
  /** Connecting took longer than the cluster's connect_timeout. */
  | 'connect-timeout'
  /** The peer closed or reset before the message was complete. */
  | 'remote-reset'
  /** The peer reset this stream; its connection goes on. */
  | 'stream-reset'
  /** The peer refused this stream; it was not processed (HTTP/2 REFUSED_STREAM). */
  | 'refused'
  /** The peer broke the protocol. */
  | 'protocol-error'
  /** A circuit breaker's limit. */
  | 'overflow'
  /** We gave up: timeout, downstream gone, drain. */
  | 'local-reset';

/** What a codec's request stream towards upstream accepts. */
export interface UpstreamStream {
  sendHead(head: RequestHead, end: boolean): void;
  /** Returns false when the peer is slow: wait for {@link ResponseHandler.onUpstreamDrain}. */
  sendData(chunk: Buffer, end: boolean): boolean;
  sendTrailers(trailers: HeaderList): void;
  /** Ends the stream from our side; no callback follows. */
  reset(): void;
  /** Stop or go on reading the response body. */
  setReadable(readable: boolean): void;
}

/** Who receives the response from upstream: the router. */
export interface ResponseHandler {
  /** 1xx other than 101. */
  onInformational(head: ResponseHead): void;
  onResponseHead(head: ResponseHead, end: boolean): void;
  onResponseData(chunk: Buffer, end: boolean): void;
  onResponseTrailers(trailers: HeaderList): void;
  onUpstreamReset(reason: ResetReason, detail: string): void;
  onUpstreamDrain(): void;
}

/** A local answer, made by a filter or by the router. */
export interface LocalReply {
  readonly status: number;
  readonly body: string;
  /** `%RESPONSE_CODE_DETAILS%`. */
  readonly details: string;
  readonly flags: number;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** grpc-status for a gRPC client, in place of the one that follows from the status. */
  readonly grpcStatus?: number;
  /** The route's header operations do not apply, or have been applied. */
  readonly asIs?: boolean;
  /** The connection is closed with it: nobody is going to read the rest of the request. */
  readonly closes?: boolean;
}

/** One request as the router and the filters see it; the connection manager implements it. */
export interface DownstreamStream {
  readonly request: RequestHead;
  readonly info: StreamInfo;
  /** Whether the request has no body and no trailers, known when the head is complete. */
  readonly requestEnded: boolean;
  /** For the choices that a route leaves to chance. */
  readonly random: Random;
  /** The router adds no `x-envoy-` headers of its own (Router.suppress_envoy_headers). */
  readonly suppressEnvoyHeaders?: boolean;
  /** Its part in a trace, where requests are traced. */
  readonly trace?: RequestTrace | undefined;
  /** The matched route, looked up once; undefined when there is no table or nothing matches (404 NR). */
  route(): RouteEntry | undefined;
  sendInformational(head: ResponseHead): void;
  /** Runs the response filters, then writes. */
  sendHead(head: ResponseHead, end: boolean): void;
  /** Returns false when the client is slow: wait for {@link RequestHandler.onDownstreamDrain}. */
  sendData(chunk: Buffer, end: boolean): boolean;
  sendTrailers(trailers: HeaderList): void;
  /** Answers without upstream; before a response head only. */
  localReply(reply: LocalReply): void;
  /** Breaks the response off where it is: HTTP/1 closes the connection. */
  abort(detail: string): void;
  /** Stop or go on reading the request body. */
  setReadable(readable: boolean): void;
}

/** Who receives what follows the request head: the router. */
export interface RequestHandler {
  onRequestData(chunk: Buffer, end: boolean): void;
  onRequestTrailers(trailers: HeaderList): void;
  /** The client is gone; nothing may be sent any more. */
  onDownstreamReset(detail: string): void;
  onDownstreamDrain(): void;
}

/** Starts routing one request, whose filters have all let it pass. */
export interface Router {
  route(stream: DownstreamStream): RequestHandler;
  /** Writes down where a matched route leads, for requests that a filter answers; only where that is certain already. */
  announce?(info: StreamInfo, action: RouteAction): void;
}

/** One upstream connection with a codec on it, as the pool sees it. */
export interface ClientConnection {
  /** Requests that may run at once: 1 for HTTP/1.1. */
  readonly maxConcurrent: number;
  /** Whether a request may be an upgrade; absent: it may. */
  readonly takesUpgrades?: boolean;
  /** How long the peer keeps it without a request, ms; undefined while it has not told. */
  readonly idleLimitMs?: number | undefined;
  /** Begins a request. Only while fewer than {@link maxConcurrent} run and the connection is not closed. */
  start(handler: ResponseHandler): UpstreamStream;
  /** Closes when the running requests are done, at once if there are none. */
  drain(): void;
  destroy(): void;
}

export interface ClientConnectionEvents {
  /** A request ended and the connection can take another one. Comes after the handler's last callback. */
  onAvailable(): void;
  /** The connection can take no further request (`Connection: close`, error, upgrade, peer gone). Comes once. */
  onUnusable(): void;
}
