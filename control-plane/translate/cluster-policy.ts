import { EXTENSION } from '../../common/xds/type-urls.js';
import type { CircuitBreakers } from '../../proto/gen/envoy/config/cluster/v3/CircuitBreakers.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { OutlierDetection } from '../../proto/gen/envoy/config/cluster/v3/OutlierDetection.js';
import type { HttpProtocolOptions } from '../../proto/gen/envoy/extensions/upstreams/http/v3/HttpProtocolOptions.js';
import type {
  ConnectionPoolSettings,
  OutlierDetection as Ejection,
  LoadBalancerSettings,
  PortPolicy,
} from '../api/kinds/destination-rule.js';
import { durationMs, type MeshSettings } from '../model/mesh-settings.js';
import type { Protocol } from '../model/service.js';
import { any, duration, uint32 } from './messages.js';

/** Istio's default: no limit unless a DestinationRule sets one. */
const UNLIMITED = 4_294_967_295;
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/**
 * What is spoken where the port's protocol leaves a choice. `multiplexed`: HTTP/2 with a peer that takes it by ALPN, else
 * HTTP/1.1; `application`: as the request came, for it is the application itself; `http1`: as Envoy is configured.
 */
export type HttpHop = 'multiplexed' | 'application' | 'http1';

/** The fields of a cluster that a trafficPolicy decides, TLS apart. */
export function policyFields(
  policy: PortPolicy,
  protocol: Protocol,
  hop: HttpHop,
  settings: MeshSettings,
): Partial<Cluster> {
  const pool = policy.connectionPool;
  return {
    connect_timeout: duration(durationMs(pool?.tcp?.connectTimeout, settings.connectTimeoutMs)),
    circuit_breakers: circuitBreakers(pool),
    ...keepalive(pool?.tcp?.tcpKeepalive ?? settings.tcpKeepalive),
    ...httpOptions(pool, protocol, hopUnder(pool, hop)),
    ...loadBalancer(policy.loadBalancer),
    ...(policy.outlierDetection && outlierDetection(policy.outlierDetection)),
  };
}

function circuitBreakers(pool: ConnectionPoolSettings | undefined): CircuitBreakers {
  const limit = (value: number | undefined) => uint32(value !== undefined && value > 0 ? value : UNLIMITED);
  return {
    thresholds: [
      {
        max_connections: limit(pool?.tcp?.maxConnections),
        max_pending_requests: limit(pool?.http?.http1MaxPendingRequests),
        max_requests: limit(pool?.http?.http2MaxRequests),
        max_retries: limit(pool?.http?.maxRetries),
        track_remaining: true,
      },
    ],
  };
}

function keepalive(settings: MeshSettings['tcpKeepalive']): Partial<Cluster> {
  if (settings === undefined) return {};
  return {
    upstream_connection_options: {
      tcp_keepalive: {
        ...(settings.probes !== undefined && { keepalive_probes: uint32(settings.probes) }),
        ...(settings.time !== undefined && { keepalive_time: uint32(seconds(settings.time)) }),
        ...(settings.interval !== undefined && { keepalive_interval: uint32(seconds(settings.interval)) }),
      },
    },
  };
}

function seconds(text: string): number {
  return Math.ceil(durationMs(text, 0) / 1000);
}

/** Limits on connections and on who waits for one are about connections with one request at a time; they get those. */
function hopUnder(pool: ConnectionPoolSettings | undefined, hop: HttpHop): HttpHop {
  const limited = (pool?.tcp?.maxConnections ?? 0) > 0 || (pool?.http?.http1MaxPendingRequests ?? 0) > 0;
  return hop === 'multiplexed' && limited ? 'http1' : hop;
}

function httpOptions(pool: ConnectionPoolSettings | undefined, protocol: Protocol, hop: HttpHop): Partial<Cluster> {
  if (protocol === 'tcp' || protocol === 'tls') return {};
  const idle = pool?.http?.idleTimeout ?? pool?.tcp?.idleTimeout;
  const perConnection = pool?.http?.maxRequestsPerConnection ?? 0;
  const common = {
    ...(idle !== undefined && { idle_timeout: duration(durationMs(idle, 0)) }),
    ...(perConnection > 0 && { max_requests_per_connection: uint32(perConnection) }),
  };
  const options = any(EXTENSION.httpProtocolOptions, {
    ...(Object.keys(common).length > 0 && { common_http_protocol_options: common }),
    ...protocolOptions(protocol, hop),
  });
  return { typed_extension_protocol_options: { [HTTP_OPTIONS]: options } };
}

function protocolOptions(protocol: Protocol, hop: HttpHop): HttpProtocolOptions {
  const both = { http_protocol_options: {}, http2_protocol_options: {} };
  if (protocol === 'http2' || protocol === 'grpc') return { explicit_http_config: { http2_protocol_options: {} } };
  // Nobody said what the application speaks: what comes is passed on as it is.
  if (protocol === 'auto' && hop !== 'http1') return { use_downstream_protocol_config: both };
  if (hop === 'multiplexed') return { auto_config: both };
  return { explicit_http_config: { http_protocol_options: {} } };
}

const SIMPLE = {
  UNSPECIFIED: 'LEAST_REQUEST',
  LEAST_CONN: 'LEAST_REQUEST',
  LEAST_REQUEST: 'LEAST_REQUEST',
  ROUND_ROBIN: 'ROUND_ROBIN',
  RANDOM: 'RANDOM',
  // There is no original destination to pass through to without packet capture.
  PASSTHROUGH: 'LEAST_REQUEST',
} as const;

/** Istio's smallest ring when none is asked for. */
const DEFAULT_RING_SIZE = 1024;

function loadBalancer(settings: LoadBalancerSettings | undefined): Partial<Cluster> {
  const hash = settings?.consistentHash;
  if (hash === undefined) return { lb_policy: SIMPLE[settings?.simple ?? 'UNSPECIFIED'] };
  if (hash.maglev !== undefined) {
    const size = hash.maglev.tableSize;
    return {
      lb_policy: 'MAGLEV',
      ...(size !== undefined && { maglev_lb_config: { table_size: { value: size } } }),
    };
  }
  const size = hash.ringHash?.minimumRingSize ?? hash.minimumRingSize ?? DEFAULT_RING_SIZE;
  return { lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: { value: size } } };
}

/** Ejection by success rate stays off; a count of 0 turns its detector off, an unset one leaves Envoy's default. */
function outlierDetection(settings: Ejection): Partial<Cluster> {
  const detector = (count: number | undefined) => (count === undefined || count === 0 ? 0 : 100);
  const split = settings.splitExternalLocalOriginErrors === true;
  const local = settings.consecutiveLocalOriginFailures;
  const out: OutlierDetection = {
    enforcing_success_rate: uint32(0),
    ...(settings.consecutive5xxErrors !== undefined && {
      consecutive_5xx: uint32(settings.consecutive5xxErrors),
      enforcing_consecutive_5xx: uint32(detector(settings.consecutive5xxErrors)),
    }),
    ...(settings.consecutiveGatewayErrors !== undefined && {
      consecutive_gateway_failure: uint32(settings.consecutiveGatewayErrors),
      enforcing_consecutive_gateway_failure: uint32(detector(settings.consecutiveGatewayErrors)),
    }),
    ...(settings.interval !== undefined && { interval: duration(durationMs(settings.interval, 0)) }),
    ...(settings.baseEjectionTime !== undefined && {
      base_ejection_time: duration(durationMs(settings.baseEjectionTime, 0)),
    }),
    ...(settings.maxEjectionPercent !== undefined &&
      settings.maxEjectionPercent > 0 && { max_ejection_percent: uint32(settings.maxEjectionPercent) }),
    ...(split && {
      split_external_local_origin_errors: true,
      enforcing_local_origin_success_rate: uint32(0),
      ...(local !== undefined &&
        local > 0 && {
          consecutive_local_origin_failure: uint32(local),
          enforcing_consecutive_local_origin_failure: uint32(100),
        }),
    }),
  };
  // Envoy's default of 50 % would send requests to ejected hosts of a small service.
  return {
    outlier_detection: out,
    common_lb_config: { healthy_panic_threshold: { value: settings.minHealthPercent ?? 0 } },
  };
}
