import type { Clock, Random } from '../common/runtime/clock.js';
import type { Counters } from '../common/runtime/counters.js';
import type { UpstreamTlsContext } from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/UpstreamTlsContext.js';
import { type FilterDeps, httpFilterFactories, networkFilters, perRouteFilters } from './filters/registry.js';
import type { ListenerDeps } from './listeners/compile-deps.js';
import type { ServiceClient } from './router/forward/service-call.js';
import { compileHeaderFormat } from './router/header-format.js';
import type { RouteDeps } from './router/route-deps.js';
import { Issues } from './snapshot/issues.js';
import type { Expressions } from './telemetry/expressions/compile.js';
import type { IstioMetrics } from './telemetry/istio-metrics.js';
import { createStatsFilter, createTcpStats } from './telemetry/stats-filter.js';
import { compileDownstreamTls, compileUpstreamTls } from './tls/compile.js';
import type { UpstreamTls } from './tls/context.js';
import { compileTracing } from './tracing/compile-tracing.js';
import { type TracedNode, Tracers } from './tracing/tracers.js';
import type { Clusters } from './upstream/cluster.js';

export interface CompilerParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  readonly clusters: Clusters;
  readonly services: ServiceClient;
  readonly metrics: IstioMetrics;
  readonly expressions: Expressions;
  /** Who we are in traces. */
  readonly node: TracedNode;
  readonly peerMetadata: FilterDeps['peerMetadata'];
  readonly compileAccessLog: ListenerDeps['compileAccessLog'];
  readonly routeSource: ListenerDeps['routeSource'];
}

/** What compiling routes needs. */
export function routeCompilers({
  clock,
  random,
  counters,
  serviceCluster,
}: Pick<CompilerParts, 'clock' | 'random' | 'counters'> & { readonly serviceCluster: string }): RouteDeps {
  return {
    compileFormat: compileHeaderFormat,
    counters: counters.get,
    perRouteFilters: perRouteFilters({ clock, random, counters: counters.get, serviceCluster }),
  };
}

/** What compiling listeners needs, filters and TLS included. The order of filters is the configuration's. */
export function listenerCompilers(routes: RouteDeps, parts: CompilerParts): ListenerDeps {
  const { metrics, expressions } = parts;
  const filters: FilterDeps = {
    clock: parts.clock,
    random: parts.random,
    counters: parts.counters.get,
    serviceCluster: parts.node.cluster,
    clusters: parts.clusters,
    services: parts.services,
    peerMetadata: parts.peerMetadata,
    createStatsFilter: (config, { direction, statPrefix }, issues) =>
      createStatsFilter(config, { metrics, direction, expressions }, issues, statPrefix),
    createTcpStats: (config, direction, issues) => createTcpStats(config, { metrics, direction, expressions }, issues),
  };
  const counters = parts.counters.get;
  const tracers = new Tracers({ clock: parts.clock, services: parts.services, counters, node: parts.node });
  return {
    routes,
    httpFilters: httpFilterFactories(filters),
    networkFilters: networkFilters(filters),
    compileDownstreamTls,
    compileTracing: (message, direction, issues) =>
      compileTracing(message, direction !== 'inbound', { tracers, counters }, issues),
    compileAccessLog: parts.compileAccessLog,
    routeSource: parts.routeSource,
  };
}

/** For clusters, whose compiler takes one error for all of a transport socket's. */
export function upstreamTlsCompiler(message: UpstreamTlsContext): UpstreamTls {
  const issues = new Issues();
  const tls = compileUpstreamTls(message as Parameters<typeof compileUpstreamTls>[0], issues);
  if (tls === undefined) throw new Error(issues.errors.join('; '));
  return tls;
}
