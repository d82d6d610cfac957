import { EXTENSION } from '../../common/xds/type-urls.js';
import type { RetryPolicy } from '../../proto/gen/envoy/config/route/v3/RetryPolicy.js';
import type { HttpRetry } from '../api/kinds/virtual-service.js';
import { durationMs, type MeshSettings } from '../model/mesh-settings.js';
import { any, duration, uint32 } from './messages.js';

/** Istio's defaults where neither a route nor the mesh says otherwise. */
const DEFAULT_ATTEMPTS = 2;
const DEFAULT_CONDITIONS = 'connect-failure,refused-stream,unavailable,cancelled';
const INBOUND_CONDITIONS = 'reset-before-request';
const BACK_OFF_MS = 25;
const HOST_ATTEMPTS = 5;

/** How many attempts go to one priority before the next is tried. */
const ATTEMPTS_A_PRIORITY = 2;

/**
 * The retries of a route; undefined when it asks for none. Where hosts are chosen by a hash (`hashed`), a retry goes to
 * the same host unless the route says otherwise.
 */
export function retryPolicy(
  own: HttpRetry | undefined,
  settings: MeshSettings,
  hashed = false,
): RetryPolicy | undefined {
  const retries = own ?? settings.defaultRetries ?? { attempts: DEFAULT_ATTEMPTS };
  const attempts = retries.attempts ?? (own === undefined ? DEFAULT_ATTEMPTS : 0);
  if (attempts <= 0) return undefined;
  const { conditions, codes } = parseRetryOn(retries.retryOn);
  return {
    retry_on: conditions,
    num_retries: uint32(attempts),
    ...(retries.perTryTimeout !== undefined && { per_try_timeout: duration(durationMs(retries.perTryTimeout, 0)) }),
    ...((retries.retryIgnorePreviousHosts ?? !hashed) && {
      retry_host_predicate: [
        { name: 'envoy.retry_host_predicates.previous_hosts', typed_config: any(EXTENSION.previousHosts) },
      ],
    }),
    ...(retries.retryRemoteLocalities === true && {
      retry_priority: {
        name: 'envoy.retry_priorities.previous_priorities',
        typed_config: any(EXTENSION.previousPriorities, { update_frequency: ATTEMPTS_A_PRIORITY }),
      },
    }),
    host_selection_retry_max_attempts: HOST_ATTEMPTS,
    ...(codes.length > 0 && { retriable_status_codes: codes }),
    retry_back_off: { base_interval: duration(durationMs(retries.backoff, BACK_OFF_MS)) },
  };
}

/** The retries of every inbound route: of what has not reached the application only. */
export function inboundRetryPolicy(): RetryPolicy {
  return { retry_on: INBOUND_CONDITIONS, num_retries: uint32(DEFAULT_ATTEMPTS) };
}

/** Status codes among the conditions go to their own list, whose condition is added when it is not there. */
function parseRetryOn(text: string | undefined): { conditions: string; codes: number[] } {
  const conditions: string[] = [];
  const codes: number[] = [];
  for (const part of (text ?? '').split(',').map((item) => item.trim())) {
    if (/^[1-5]\d\d$/.test(part)) codes.push(Number(part));
    else if (part !== '') conditions.push(part);
  }
  if (codes.length > 0 && !conditions.includes('retriable-status-codes')) conditions.push('retriable-status-codes');
  return { conditions: conditions.join(',') || DEFAULT_CONDITIONS, codes };
}
