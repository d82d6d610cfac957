import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { HttpProtocolOptions } from '../../proto/gen/envoy/extensions/upstreams/http/v3/HttpProtocolOptions.js';
import { durationMs, type MeshSettings } from '../model/mesh-settings.js';
import type { Protocol } from '../model/service.js';
import { circuitBreakers, type HttpHop, httpOptions, keepalive } from './connection-pool.js';
import { loadBalancer } from './load-balancing.js';
import { any, duration } from './messages.js';
import { errorMatcher, outlierDetection, panicThreshold } from './outlier-detection.js';
import type { EffectivePolicy } from './traffic-policy.js';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** What else goes into the messages that a policy writes. */
export interface PolicyExtras {
  /** Options of HTTP, as TLS may need. */
  readonly http?: HttpProtocolOptions;
  /** How localities are weighed. */
  readonly common?: NonNullable<Cluster['common_lb_config']>;
}

/** The fields of a cluster that a trafficPolicy decides, TLS apart. */
export function policyFields(
  policy: EffectivePolicy,
  protocol: Protocol,
  hop: HttpHop,
  settings: MeshSettings,
  extras: PolicyExtras = {},
): Partial<Cluster> {
  const pool = policy.connectionPool;
  const ejection = policy.outlierDetection;
  const common = { ...extras.common, ...(ejection && panicThreshold(ejection)) };
  const codes = ejection?.outlierDetectionHttpErrorCodes ?? [];
  const options = {
    ...httpOptions(pool, protocol, hop),
    ...extras.http,
    ...(codes.length > 0 && { outlier_detection: { error_matcher: errorMatcher(codes) } }),
  };
  const hasOptions = protocol !== 'tcp' && protocol !== 'tls' && Object.keys(options).length > 0;
  return {
    connect_timeout: duration(durationMs(pool?.tcp?.connectTimeout, settings.connectTimeoutMs)),
    circuit_breakers: circuitBreakers(pool, policy.retryBudget),
    ...keepalive(pool?.tcp?.tcpKeepalive, settings.tcpKeepalive),
    ...(hasOptions && {
      typed_extension_protocol_options: { [HTTP_OPTIONS]: any(EXTENSION.httpProtocolOptions, options) },
    }),
    ...loadBalancer(policy.loadBalancer),
    ...(ejection && { outlier_detection: outlierDetection(ejection) }),
    ...(Object.keys(common).length > 0 && { common_lb_config: common }),
  };
}
