import type { BodyBeginning } from '../http/collected-body.js';
import type { RequestHead, ResponseHead } from '../http/message.js';
import type { LocalReply } from '../http/stream.js';
import type { StreamInfo } from '../http/stream-info.js';
import type { RouteEntry } from '../router/route.js';
import type { BodyFilter } from './body-filter.js';

/** What a filter sees of one request. */
export interface FilterContext {
  readonly request: RequestHead;
  readonly info: StreamInfo;
  /** Answers of our own are HTTP's, though a filter has made the request gRPC's. */
  plainReplies?: boolean;
  /** The matched route, looked up at the first use; undefined when nothing matches. */
  route(): RouteEntry | undefined;
  /** The route is looked up anew: what it depends on has changed. */
  clearRoute?(): void;
  /** Whether the request has no body and no trailers. */
  readonly requestEnded?: boolean;
  /** Name of the upgrade that the request asks for; empty for none. */
  readonly upgrade?: string;
  /** Holds the body back, and resolves with all of it or with a beginning of more than `limit` bytes. */
  bodyBeginning?(limit: number): Promise<BodyBeginning>;
}

/** undefined lets the request pass; a reply answers it; a promise does either later. */
export type FilterVerdict = LocalReply | undefined | Promise<LocalReply | undefined>;

/**
 * An HTTP filter, compiled once from its configuration and shared by all requests of a filter chain: it holds no
 * state of a request. Request filters run in the order of the chain, response filters in the reverse order.
 */
export interface HttpFilter {
  /** Name under which routes carry this filter's own configuration (`typed_per_filter_config`). */
  readonly name: string;
  /** Set by filters that decide who may do what: nothing may reach upstream by a way round them. */
  readonly guards?: true | undefined;
  readonly onRequest?: ((context: FilterContext) => FilterVerdict) | undefined;
  /** Called after {@link onRequest} let a request pass: what is going to rewrite its bodies, if anything. */
  readonly startBody?: ((context: FilterContext) => BodyFilter | undefined) | undefined;
  /** Sees every response head, local replies too. */
  readonly onResponse?: ((context: FilterContext, response: ResponseHead) => void) | undefined;
  /** Called once when the request is over, after its info is final. */
  readonly onComplete?: ((context: FilterContext) => void) | undefined;
}

/** What a route's `filterConfig` gives for a filter that `typed_per_filter_config` switches off there. */
export const FILTER_DISABLED: unique symbol = Symbol('filter disabled');
