import type { PluginConfig__Output } from '../../proto/gen/stats/PluginConfig.js';
import type { FilterContext, HttpFilter } from '../filters/filter.js';
import type { ResponseHead } from '../http/message.js';
import type { StreamInfo } from '../http/stream-info.js';
import type { Issues } from '../snapshot/issues.js';
import type { Edge, Reporter } from './edge.js';
import type { ShapedEdges } from './edge-tables.js';
import type { Expressions } from './expressions/compile.js';
import { GrpcMessages } from './grpc-messages.js';
import type { IstioMetrics } from './istio-metrics.js';
import { compileMetricsShape } from './metrics-shape.js';

export interface StatsDeps {
  readonly metrics: IstioMetrics;
  /** Direction of the listener: inbound reports as destination, everything else as source. */
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  /** For tags that are made of expressions. */
  readonly expressions: Expressions;
}

/** Name under which Istio's control plane puts the filter into a chain. */
export const STATS_FILTER_NAME = 'istio.stats';

/** The HTTP filter `stats.PluginConfig`: counts every finished request. `user` stands for the filter's place. */
export function createStatsFilter(
  config: PluginConfig__Output,
  deps: StatsDeps,
  issues: Issues,
  user = '',
): HttpFilter {
  const { metrics } = deps;
  const edges = countingOf(config, deps, issues, `http ${user}`);
  const hostFallback = config.disable_host_header_fallback !== true;
  const formatted = edges.shape?.values === undefined ? undefined : new WeakMap<FilterContext, ResponseHead>();
  const edgeOf = (context: FilterContext, protocol: 'grpc' | 'http'): Edge =>
    formatted === undefined
      ? edges.plainEdge(context.info, protocol, hostFallback)
      : edges.edge(
          { info: context.info, request: context.request, response: formatted.get(context) },
          protocol,
          hostFallback,
        );
  return {
    name: STATS_FILTER_NAME,
    // Expressions may ask for what the response said.
    ...(formatted !== undefined && {
      onResponse: (context: FilterContext, response: ResponseHead) => {
        formatted.set(context, response);
      },
    }),
    startBody(context) {
      if (!isGrpcRequest(context)) return undefined;
      return new GrpcMessages(metrics, context, edgeOf);
    },
    onComplete(context: FilterContext): void {
      const edge = edgeOf(context, isGrpcRequest(context) ? 'grpc' : 'http');
      edge.recordRequest(context.info);
      metrics.requests.finished(edge, context.info);
    },
  };
}

/** The network filter of the same name: hooks for the TCP proxy of its chain. */
export function createTcpStats(
  config: PluginConfig__Output,
  deps: StatsDeps,
  issues: Issues,
): {
  onOpen(info: StreamInfo): void;
  onClose(info: StreamInfo): void;
} {
  const edges = countingOf(config, deps, issues, 'tcp');
  const edgeOf = (info: StreamInfo): Edge =>
    edges.edge({ info, request: undefined, response: undefined }, 'tcp', false);
  const opened = new WeakMap<StreamInfo, Edge>();
  return {
    onOpen(info) {
      const edge = edgeOf(info);
      opened.set(info, edge);
      edge.recordOpen(info);
    },
    onClose(info) {
      const edge = opened.get(info) ?? edgeOf(info);
      edge.recordClose(info);
      deps.metrics.requests.finished(edge, info);
    },
  };
}

/** Bytes and messages are read when they are asked for, so no interval is needed for reporting them. */
function countingOf(config: PluginConfig__Output, deps: StatsDeps, issues: Issues, user: string): ShapedEdges {
  issues.ignore(config, ['definitions', 'reporter', 'rotation_interval', 'graceful_deletion_interval']);
  return deps.metrics.counting(reporterOf(deps), compileMetricsShape(config, deps.expressions, issues), user);
}

function isGrpcRequest({ request }: FilterContext): boolean {
  const type = request.headers.get('content-type');
  return type?.startsWith('application/grpc') === true && isGrpc(type);
}

function reporterOf(deps: StatsDeps): Reporter {
  return deps.direction === 'inbound' ? 'destination' : 'source';
}

/** `application/grpc`, with a `+proto` or parameters after it; not `application/grpc-web`. */
function isGrpc(type: string): boolean {
  const next = type.charCodeAt('application/grpc'.length);
  return Number.isNaN(next) || next === 43 /* + */ || next === 59 /* ; */ || next === 32;
}
