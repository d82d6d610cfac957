import { EXTENSION } from '../../../common/xds/type-urls.js';
import type { RetryPolicy__Output } from '../../../proto/gen/envoy/config/route/v3/RetryPolicy.js';
import type { PreviousPrioritiesConfig__Output } from '../../../proto/gen/envoy/extensions/retry/priority/previous_priorities/v3/PreviousPrioritiesConfig.js';
import type { Issues } from '../../snapshot/issues.js';
import { durationMs, typeUrlOf, unpacked } from '../../snapshot/wire-values.js';
import { compileHeaderMatchers } from '../matchers/header-matcher.js';
import { isGrpcRetryCondition, isHttpRetryCondition, type RetryCondition } from '../retry-conditions.js';
import type { RetryPolicy } from '../route.js';

const DEFAULT_BACK_OFF_MS = 25;
/** An unknown condition on requests retries none. */
const NEVER = [() => false];

/** Conditions of a `retry_on` list or an `x-envoy-retry-on` header; unknown words are left out and told. */
export function parseRetryOn(text: string): { on: Set<RetryCondition>; unknown: string[] } {
  const words = text.split(',').map((word) => word.trim());
  const on = new Set<RetryCondition>();
  const unknown: string[] = [];
  for (const word of words) {
    if (isHttpRetryCondition(word) || isGrpcRetryCondition(word)) on.add(word);
    else if (word !== '') unknown.push(word);
  }
  return { on, unknown };
}

/** Compiles a RetryPolicy of a route or a virtual host. */
export function compileRetryPolicy(message: RetryPolicy__Output, issues: Issues): RetryPolicy {
  issues.refuse(message, ['retry_options_predicates', 'rate_limited_retry_back_off']);
  const { on, unknown } = parseRetryOn(message.retry_on ?? '');
  if (unknown.length > 0) issues.at('retry_on').warn(`unknown conditions have no effect: ${unknown.join(', ')}`);
  const base = Math.max(1, durationMs(message.retry_back_off?.base_interval) ?? DEFAULT_BACK_OFF_MS);
  const max = durationMs(message.retry_back_off?.max_interval) ?? base * 10;
  if (max < base) issues.at('retry_back_off').error('max_interval is less than base_interval');
  return {
    on,
    statusCodes: new Set(message.retriable_status_codes ?? []),
    retries: message.num_retries?.value ?? 1,
    perTryTimeoutMs: durationMs(message.per_try_timeout) ?? 0,
    perTryIdleTimeoutMs: durationMs(message.per_try_idle_timeout) ?? 0,
    backOffBaseMs: base,
    backOffMaxMs: max,
    hostSelectionAttempts: message.host_selection_retry_max_attempts ?? 1,
    skipPreviousHosts: skipsPreviousHosts(message, issues),
    attemptsAPriority: attemptsAPriority(message.retry_priority, issues.at('retry_priority')),
    retriableHeaders: compileHeaderMatchers(message.retriable_headers ?? [], issues.at('retriable_headers')) ?? [],
    retriableRequestHeaders:
      compileHeaderMatchers(message.retriable_request_headers ?? [], issues.at('retriable_request_headers')) ?? NEVER,
  };
}

/** How many attempts the plugin previous_priorities gives a priority; 0 without it. */
function attemptsAPriority(plugin: RetryPolicy__Output['retry_priority'], issues: Issues): number {
  if (plugin === undefined || plugin === null) return 0;
  const config = plugin.typed_config;
  if (config === undefined || typeUrlOf(config) !== EXTENSION.previousPriorities) {
    issues.error(`'${plugin.name ?? ''}' is not supported`);
    return 0;
  }
  const frequency = unpacked<PreviousPrioritiesConfig__Output>(config).update_frequency ?? 0;
  if (frequency <= 0) issues.at('update_frequency').error('must be above 0');
  return frequency;
}

function skipsPreviousHosts(message: RetryPolicy__Output, issues: Issues): boolean {
  let skips = false;
  (message.retry_host_predicate ?? []).forEach((predicate, index) => {
    const name = predicate.name ?? '';
    const known =
      typeUrlOf(predicate.typed_config) === EXTENSION.previousHosts ||
      name === 'envoy.retry_host_predicates.previous_hosts';
    if (known) skips = true;
    else issues.at('retry_host_predicate').at(index).error(`'${name}' is not supported`);
  });
  return skips;
}
