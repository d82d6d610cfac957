import type {
  CircuitBreakers,
  _envoy_config_cluster_v3_CircuitBreakers_Thresholds as Thresholds,
} from '../../proto/gen/envoy/config/cluster/v3/CircuitBreakers.js';
import type { OutlierDetection } from '../../proto/gen/envoy/config/cluster/v3/OutlierDetection.js';
import type { MatchPredicate } from '../../proto/gen/envoy/config/common/matcher/v3/MatchPredicate.js';
import type { BreakerLimits, OutlierConfig } from './cluster-config.js';
import { compileErrorMatcher } from './compile-error-matcher.js';
import { boolValue, durationMs, type FieldReport, numberValue } from './fields.js';

/** Envoy's defaults: 1024 connections, pending and active requests, 3 retries. */
const DEFAULT_LIMITS: BreakerLimits = {
  maxConnections: 1024,
  maxPendingRequests: 1024,
  maxRequests: 1024,
  maxRetries: 3,
  retryBudget: undefined,
  trackRemaining: false,
};

/** Limits of both priorities; the first entry of a priority counts, as in Envoy. */
export function compileBreakers(
  message: CircuitBreakers | null | undefined,
  report: FieldReport,
): { readonly default: BreakerLimits; readonly high: BreakerLimits } {
  const thresholds = message?.thresholds ?? [];
  if ((message?.per_host_thresholds ?? []).length > 0) {
    report.warn('circuit_breakers.per_host_thresholds', 'not acted on');
  }
  const normal = thresholds.find((entry) => entry.priority === undefined || entry.priority === 'DEFAULT');
  return {
    default: limitsOf(normal),
    high: limitsOf(thresholds.find((entry) => entry.priority === 'HIGH')),
  };
}

function limitsOf(message: Thresholds | undefined): BreakerLimits {
  if (message === undefined) return DEFAULT_LIMITS;
  const budget = message.retry_budget;
  return {
    maxConnections: numberValue(message.max_connections) ?? DEFAULT_LIMITS.maxConnections,
    maxPendingRequests: numberValue(message.max_pending_requests) ?? DEFAULT_LIMITS.maxPendingRequests,
    maxRequests: numberValue(message.max_requests) ?? DEFAULT_LIMITS.maxRequests,
    maxRetries: numberValue(message.max_retries) ?? DEFAULT_LIMITS.maxRetries,
    trackRemaining: message.track_remaining === true,
    retryBudget:
      budget === undefined || budget === null
        ? undefined
        : {
            percent: numberValue(budget.budget_percent) ?? 20,
            minConcurrency: numberValue(budget.min_retry_concurrency) ?? 3,
            intervalMs: durationMs(budget.budget_interval) ?? 0,
          },
  };
}

/** Outlier detection with Envoy's defaults; undefined when the cluster has none. */
export function compileOutlier(
  message: OutlierDetection | null | undefined,
  errors: MatchPredicate | null | undefined,
  report: FieldReport,
): OutlierConfig | undefined {
  if (message === undefined || message === null) return undefined;
  const percent = (field: keyof OutlierDetection, fallback: number): number => {
    const value = numberValue(message[field] as object | undefined) ?? fallback;
    if (value > 100) report.error(`outlier_detection.${field}`, 'above 100');
    return value;
  };
  const count = (field: keyof OutlierDetection, fallback: number): number =>
    numberValue(message[field] as object | undefined) ?? fallback;
  const time = (field: 'interval' | 'base_ejection_time', fallback: number): number => {
    const value = durationMs(message[field]) ?? fallback;
    if (value <= 0) report.error(`outlier_detection.${field}`, 'must be above 0s');
    return value;
  };
  if ((message.monitors ?? []).length > 0) report.error('outlier_detection.monitors', 'extension not supported');
  const baseEjectionMs = time('base_ejection_time', 30_000);
  return {
    intervalMs: time('interval', 10_000),
    baseEjectionMs,
    maxEjectionMs: Math.max(durationMs(message.max_ejection_time) ?? 300_000, baseEjectionMs),
    maxEjectionJitterMs: durationMs(message.max_ejection_time_jitter) ?? 0,
    maxEjectionPercent: percent('max_ejection_percent', 10),
    alwaysEjectOneHost: boolValue(message.always_eject_one_host) ?? false,
    splitLocalOrigin: message.split_external_local_origin_errors ?? false,
    consecutive5xx: count('consecutive_5xx', 5),
    enforcingConsecutive5xx: percent('enforcing_consecutive_5xx', 100),
    consecutiveGatewayFailure: count('consecutive_gateway_failure', 5),
    enforcingConsecutiveGatewayFailure: percent('enforcing_consecutive_gateway_failure', 0),
    consecutiveLocalOriginFailure: count('consecutive_local_origin_failure', 5),
    enforcingConsecutiveLocalOriginFailure: percent('enforcing_consecutive_local_origin_failure', 100),
    enforcingSuccessRate: percent('enforcing_success_rate', 100),
    enforcingLocalOriginSuccessRate: percent('enforcing_local_origin_success_rate', 100),
    successRateMinimumHosts: count('success_rate_minimum_hosts', 5),
    successRateRequestVolume: count('success_rate_request_volume', 100),
    successRateStdevFactor: count('success_rate_stdev_factor', 1900) / 1000,
    failurePercentageThreshold: percent('failure_percentage_threshold', 85),
    enforcingFailurePercentage: percent('enforcing_failure_percentage', 0),
    enforcingFailurePercentageLocalOrigin: percent('enforcing_failure_percentage_local_origin', 0),
    failurePercentageMinimumHosts: count('failure_percentage_minimum_hosts', 5),
    failurePercentageRequestVolume: count('failure_percentage_request_volume', 50),
    isError: errors ? compileErrorMatcher(errors, 'outlier_detection.error_matcher', report) : undefined,
  };
}
