import type { CircuitBreakers } from '../../proto/gen/envoy/config/cluster/v3/CircuitBreakers.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { HttpProtocolOptions } from '../../proto/gen/envoy/extensions/upstreams/http/v3/HttpProtocolOptions.js';
import type { ConnectionPoolSettings, TrafficPolicy } from '../api/kinds/destination-rule.js';
import { durationMs, type MeshSettings } from '../model/mesh-settings.js';
import { isHttp2, type Protocol } from '../model/service.js';
import { duration, uint32 } from './messages.js';

/** Istio's default: no limit unless a DestinationRule sets one. */
const UNLIMITED = 4_294_967_295;

/**
 * What is spoken where the port's protocol leaves a choice. `multiplexed`: HTTP/2 with a peer that takes it by ALPN, else
 * HTTP/1.1; `application`: as the request came, for it is the application itself; `http1`: as Envoy is configured;
 * `downstream`: as the request came; `http2`: whoever configured it knows that the peer takes it.
 */
export type HttpHop = 'multiplexed' | 'application' | 'http1' | 'downstream' | 'http2';

export function circuitBreakers(
  pool: ConnectionPoolSettings | undefined,
  budget: TrafficPolicy['retryBudget'],
): CircuitBreakers {
  const limit = (value: number | undefined) => uint32(value !== undefined && value > 0 ? value : UNLIMITED);
  return {
    thresholds: [
      {
        max_connections: limit(pool?.tcp?.maxConnections),
        max_pending_requests: limit(pool?.http?.http1MaxPendingRequests),
        max_requests: limit(pool?.http?.http2MaxRequests),
        max_retries: limit(pool?.http?.maxRetries),
        track_remaining: true,
        ...(budget !== undefined && {
          retry_budget: {
            budget_percent: { value: budget.percent ?? 20 },
            min_retry_concurrency: uint32(budget.minRetryConcurrency || 3),
            ...(budget.budgetInterval !== undefined && {
              budget_interval: duration(durationMs(budget.budgetInterval, 0)),
            }),
          },
        }),
      },
    ],
  };
}

export function keepalive(own: MeshSettings['tcpKeepalive'], mesh: MeshSettings['tcpKeepalive']): Partial<Cluster> {
  if (own === undefined && mesh === undefined) return {};
  // Field by field, as Istio joins them.
  const settings = { ...mesh, ...own };
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

/** How a client speaks to a service: what the rule says about it goes before what the two sides could agree on. */
export function hopUnder(
  pool: ConnectionPoolSettings | undefined,
  protocol: Protocol,
  hop: HttpHop,
  settings: Pick<MeshSettings, 'h2Upgrade'>,
): HttpHop {
  const http = pool?.http;
  if (http?.useClientProtocol === true) return 'downstream';
  const policy = http?.h2UpgradePolicy ?? 'DEFAULT';
  if (policy === 'UPGRADE') return 'http2';
  // What a port is for is only known where it is named.
  const mesh = protocol === 'http' ? settings.h2Upgrade : undefined;
  if (policy === 'DEFAULT' && mesh === true) return 'http2';
  if (hop !== 'multiplexed') return hop;
  const declined = policy === 'DO_NOT_UPGRADE' || mesh === false;
  // Limits on connections and on who waits for one are about connections with one request at a time; they get those.
  const limited = (pool?.tcp?.maxConnections ?? 0) > 0 || (http?.http1MaxPendingRequests ?? 0) > 0;
  return declined || limited ? 'http1' : hop;
}

/** Empty where the port does not carry HTTP and nothing is asked for. */
export function httpOptions(
  pool: ConnectionPoolSettings | undefined,
  protocol: Protocol,
  hop: HttpHop,
): HttpProtocolOptions {
  if (protocol === 'tcp' || protocol === 'tls') return {};
  const idle = pool?.http?.idleTimeout ?? pool?.tcp?.idleTimeout;
  const perConnection = pool?.http?.maxRequestsPerConnection ?? 0;
  const longest = pool?.tcp?.maxConnectionDuration;
  const common = {
    ...(idle !== undefined && { idle_timeout: duration(durationMs(idle, 0)) }),
    ...(perConnection > 0 && { max_requests_per_connection: uint32(perConnection) }),
    ...(longest !== undefined && { max_connection_duration: duration(durationMs(longest, 0)) }),
  };
  return {
    ...(Object.keys(common).length > 0 && { common_http_protocol_options: common }),
    ...protocolOptions(protocol, hop, http2Options(pool)),
  };
}

const PING_TIMEOUT_MS = 10_000;

type Http2Options = NonNullable<NonNullable<HttpProtocolOptions['explicit_http_config']>['http2_protocol_options']>;

function http2Options(pool: ConnectionPoolSettings | undefined): Http2Options {
  const most = pool?.http?.maxConcurrentStreams ?? 0;
  const pings = pool?.http?.http2KeepAlive;
  return {
    ...(most > 0 && { max_concurrent_streams: uint32(most) }),
    ...(pings !== undefined && {
      connection_keepalive: {
        ...(pings.interval !== undefined && { interval: duration(durationMs(pings.interval, 0)) }),
        // Envoy wants one.
        timeout: duration(durationMs(pings.timeout, PING_TIMEOUT_MS)),
      },
    }),
  };
}

function protocolOptions(protocol: Protocol, hop: HttpHop, http2: Http2Options): HttpProtocolOptions {
  const both = { http_protocol_options: {}, http2_protocol_options: http2 };
  if (hop === 'downstream') return { use_downstream_protocol_config: both };
  if (isHttp2(protocol) || hop === 'http2') {
    return { explicit_http_config: { http2_protocol_options: http2 } };
  }
  // Nobody said what the application speaks: what comes is passed on as it is.
  if (protocol === 'auto' && hop !== 'http1') return { use_downstream_protocol_config: both };
  if (hop === 'multiplexed') return { auto_config: both };
  return { explicit_http_config: { http_protocol_options: {} } };
}
