import type { Clock, Random } from '../../common/runtime/clock.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { RBAC__Output as NetworkRbac } from '../../proto/gen/envoy/extensions/filters/network/rbac/v3/RBAC.js';
import type { Config__Output as SetFilterState } from '../../proto/gen/envoy/extensions/filters/network/set_filter_state/v3/Config.js';
import type { FilterConfig__Output as SniDynamicForwardProxy } from '../../proto/gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/FilterConfig.js';
import type { PluginConfig__Output } from '../../proto/gen/stats/PluginConfig.js';
import type { StreamInfo } from '../http/stream-info.js';
import type { NetworkFilterCompiler } from '../listeners/compile-deps.js';
import type { ServiceClient } from '../router/forward/service-call.js';
import type { PerRouteCompiler } from '../router/route-deps.js';
import type { Issues } from '../snapshot/issues.js';
import type { Clusters } from '../upstream/cluster.js';
import { bufferFactory, compileBufferPerRoute } from './buffer.js';
import { compileCorsPolicy, corsFactory } from './cors.js';
import type { CounterSource } from './counter.js';
import { dynamicForwardProxyFactory } from './dynamic-forward-proxy.js';
import { compileExtAuthzPerRoute, extAuthzFactory } from './ext-authz/http-ext-authz.js';
import { compileNetworkExtAuthz } from './ext-authz/network-ext-authz.js';
import type { FilterPlace, HttpFilterFactories, HttpFilterFactory } from './factory.js';
import { compileFault, faultFactory } from './fault.js';
import type { HttpFilter } from './filter.js';
import { grpcWebFactory } from './grpc-web.js';
import { compileHeaderMutationPerRoute, headerMutationFactory } from './header-mutation.js';
import { compileJwtPerRoute, jwtFactory } from './jwt/jwt-filter.js';
import {
  compileLocalRateLimit,
  localRateLimitFactory,
  type RateLimitDeps,
} from './local-rate-limit/local-rate-limit.js';
import { compileConnectionLimit } from './network/connection-limit.js';
import { compileNetworkRateLimit } from './network/local-rate-limit.js';
import { type PeerMetadataDeps, peerMetadataFactory } from './peer-metadata/peer-metadata.js';
import { compileRbacPerRoute, httpRbacFactory } from './rbac/http-rbac.js';
import { compileNetworkRbac } from './rbac/network-rbac.js';
import { compileSetFilterState } from './set-filter-state.js';

type Direction = FilterPlace['direction'];

const HTTPS_PORT = 443;

/** What the filters need from elsewhere. */
export interface FilterDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: CounterSource;
  /** `node.cluster`. */
  readonly serviceCluster: string;
  readonly clusters: Clusters;
  /** For requests of the proxy's own. */
  readonly services: ServiceClient;
  readonly peerMetadata: PeerMetadataDeps;
  createStatsFilter(config: PluginConfig__Output, place: FilterPlace, issues: Issues): HttpFilter;
  createTcpStats(
    config: PluginConfig__Output,
    direction: Direction,
    issues: Issues,
  ): { onOpen(info: StreamInfo): void; onClose(info: StreamInfo): void };
}

/** The HTTP filters that we have, by the type URL of their configuration. The router is no filter here. */
export function httpFilterFactories(deps: FilterDeps): HttpFilterFactories {
  const accepted: HttpFilterFactory = { compile: () => 'none' };
  return new Map<string, HttpFilterFactory>([
    [EXTENSION.fault, faultFactory(deps)],
    [EXTENSION.jwtAuthn, jwtFactory(deps)],
    [EXTENSION.httpRbac, httpRbacFactory(deps.counters)],
    [EXTENSION.httpExtAuthz, extAuthzFactory(deps)],
    [EXTENSION.cors, corsFactory(deps.random)],
    [EXTENSION.httpLocalRateLimit, localRateLimitFactory(deps)],
    [EXTENSION.httpBuffer, bufferFactory],
    [EXTENSION.headerMutation, headerMutationFactory],
    [EXTENSION.dynamicForwardProxyFilter, dynamicForwardProxyFactory(deps.clusters)],
    [EXTENSION.peerMetadata, peerMetadataFactory(deps.peerMetadata)],
    [EXTENSION.istioStats, { compile: (message, place, issues) => deps.createStatsFilter(message, place, issues) }],
    [EXTENSION.grpcWeb, grpcWebFactory()],
    // gRPC requests are counted with all others.
    [EXTENSION.grpcStats, accepted],
  ]);
}

/** What `typed_per_filter_config` may hold, by type URL. */
export function perRouteFilters(deps: RateLimitDeps): ReadonlyMap<string, PerRouteCompiler> {
  return new Map<string, PerRouteCompiler>([
    [EXTENSION.fault, (message, issues) => compileFault(message, deps.random, issues)],
    [EXTENSION.jwtAuthnPerRoute, compileJwtPerRoute],
    [EXTENSION.httpRbacPerRoute, compileRbacPerRoute],
    [EXTENSION.httpExtAuthzPerRoute, compileExtAuthzPerRoute],
    [EXTENSION.corsPolicy, compileCorsPolicy],
    [EXTENSION.httpLocalRateLimit, (message, issues) => compileLocalRateLimit(message, deps, issues)],
    [EXTENSION.httpBufferPerRoute, compileBufferPerRoute],
    [EXTENSION.headerMutationPerRoute, compileHeaderMutationPerRoute],
  ]);
}

/** The network filters that may stand before a terminal one, by type URL. */
export function networkFilters(deps: FilterDeps): ReadonlyMap<string, NetworkFilterCompiler> {
  return new Map<string, NetworkFilterCompiler>([
    [
      EXTENSION.networkRbac,
      (message: NetworkRbac, place, issues) => ({
        gate: compileNetworkRbac(message, place.name, deps.counters, issues),
      }),
    ],
    [
      EXTENSION.networkExtAuthz,
      (message, place, issues) => ({ gate: compileNetworkExtAuthz(message, place.name, deps, issues) }),
    ],
    [EXTENSION.setFilterState, (message: SetFilterState, _place, issues) => compileSetFilterState(message, issues)],
    [EXTENSION.istioStats, (message, place, issues) => deps.createTcpStats(message, place.direction, issues)],
    [EXTENSION.sniCluster, () => ({ clusterBySni: true })],
    [
      EXTENSION.sniDynamicForwardProxy,
      (message: SniDynamicForwardProxy) => ({ lookUpSni: message.port_value ?? HTTPS_PORT }),
    ],
    [
      EXTENSION.connectionLimit,
      (message, place, issues) => compileConnectionLimit(message, place.name, deps.counters, issues),
    ],
    [
      EXTENSION.networkLocalRateLimit,
      (message, place, issues) => compileNetworkRateLimit(message, place.name, deps, issues),
    ],
  ]);
}
