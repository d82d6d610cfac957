import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { OutlierDetection } from '../../proto/gen/envoy/config/cluster/v3/OutlierDetection.js';
import type { MatchPredicate } from '../../proto/gen/envoy/config/common/matcher/v3/MatchPredicate.js';
import type { OutlierDetection as Ejection } from '../api/kinds/destination-rule.js';
import { durationMs } from '../model/mesh-settings.js';
import { duration, uint32 } from './messages.js';

/** Ejection by success rate stays off; a count of 0 turns its detector off, an unset one leaves Envoy's default. */
export function outlierDetection(settings: Ejection): OutlierDetection {
  const detector = (count: number) => (count === 0 ? 0 : 100);
  const split = settings.splitExternalLocalOriginErrors === true;
  const local = settings.consecutiveLocalOriginFailures;
  return {
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
}

/** Envoy's default of 50 % would send requests to ejected hosts of a small service. */
export function panicThreshold(settings: Ejection): NonNullable<Cluster['common_lb_config']> {
  return { healthy_panic_threshold: { value: settings.minHealthPercent ?? 0 } };
}

/** Only responses with one of these statuses count as errors. */
export function errorMatcher(codes: readonly number[]): MatchPredicate {
  const rules = codes.map((code) => ({
    http_response_headers_match: { headers: [{ name: ':status', string_match: { exact: String(code) } }] },
  }));
  const [only] = rules;
  return rules.length === 1 && only !== undefined ? only : { or_match: { rules } };
}
