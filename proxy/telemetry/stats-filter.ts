import type { PluginConfig__Output } from '../../proto/gen/stats/PluginConfig.js';
import type { FilterContext, HttpFilter } from '../filters/filter.js';
import type { StreamInfo } from '../http/stream-info.js';
import type { Issues } from '../snapshot/issues.js';
import type { Edge, Reporter } from './edge.js';
import { GrpcMessages } from './grpc-messages.js';
import type { IstioMetrics } from './istio-metrics.js';

export interface StatsDeps {
  readonly metrics: IstioMetrics;
  /** Direction of the listener: inbound reports as destination, everything else as source. */
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
}

/** Name under which Istio's control plane puts the filter into a chain. */
export const STATS_FILTER_NAME = 'istio.stats';

/** The HTTP filter `stats.PluginConfig`: counts every finished request. What the configuration changes about metrics is named as without effect. */
export function createStatsFilter(config: PluginConfig__Output, deps: StatsDeps, issues?: Issues): HttpFilter {
  issues?.ignore(config, ['metrics', 'tcp_reporting_duration']);
  const { metrics } = deps;
  const reporter = reporterOf(deps);
  const hostFallback = config.disable_host_header_fallback !== true;
  const calls = new WeakMap<FilterContext, GrpcMessages>();
  return {
    name: STATS_FILTER_NAME,
    startBody(context) {
      if (!isGrpcRequest(context)) return undefined;
      const messages = new GrpcMessages();
      calls.set(context, messages);
      metrics.beginCall(messages, () => metrics.edge(reporter, context.info, 'grpc', hostFallback));
      return messages;
    },
    onComplete(context: FilterContext): void {
      const grpc = isGrpcRequest(context);
      const messages = grpc ? calls.get(context) : undefined;
      if (messages !== undefined) metrics.endCall(messages);
      const edge = metrics.edge(reporter, context.info, grpc ? 'grpc' : 'http', hostFallback);
      edge.recordRequest(context.info);
      metrics.requests.finished(edge, context.info);
    },
  };
}

/** The network filter of the same name: hooks for the TCP proxy of its chain. */
export function createTcpStats(deps: StatsDeps): {
  onOpen(info: StreamInfo): void;
  onClose(info: StreamInfo): void;
} {
  const reporter = reporterOf(deps);
  const opened = new WeakMap<StreamInfo, Edge>();
  return {
    onOpen(info) {
      const edge = deps.metrics.edge(reporter, info, 'tcp', false);
      opened.set(info, edge);
      edge.recordOpen(info);
    },
    onClose(info) {
      const edge = opened.get(info) ?? deps.metrics.edge(reporter, info, 'tcp', false);
      edge.recordClose(info);
      deps.metrics.requests.finished(edge, info);
    },
  };
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
