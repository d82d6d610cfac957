import type { Clock } from '../../../common/runtime/clock.js';
import type { LocalRateLimit__Output } from '../../../proto/gen/envoy/extensions/filters/network/local_ratelimit/v3/LocalRateLimit.js';
import type { CompiledNetworkFilter } from '../../listeners/compile-deps.js';
import type { Issues } from '../../snapshot/issues.js';
import { durationMs } from '../../snapshot/wire-values.js';
import type { CounterSource } from '../counter.js';

/** What Envoy asks of the interval at least, ms. */
const SHORTEST_MS = 50;

/** Compiles envoy.filters.network.local_ratelimit: a connection takes a token, or is closed. */
export function compileNetworkRateLimit(
  message: LocalRateLimit__Output,
  name: string,
  { clock, counters }: { readonly clock: Clock; readonly counters: CounterSource },
  issues: Issues,
): CompiledNetworkFilter {
  issues.refuse(message, ['share_key']);
  const most = message.token_bucket?.max_tokens ?? 0;
  const refill = message.token_bucket?.tokens_per_fill?.value ?? 1;
  const intervalMs = durationMs(message.token_bucket?.fill_interval) ?? 0;
  const at = issues.at('token_bucket');
  if (most < 1) at.at('max_tokens').error('must be at least 1');
  if (intervalMs < SHORTEST_MS) at.at('fill_interval').error(`must be at least ${SHORTEST_MS}ms`);
  if (message.runtime_enabled?.default_value?.value === false) return {};
  const limited = counters(`local_rate_limit.${message.stat_prefix ?? ''}.rate_limited`);
  let tokens = most;
  let filled = clock.monotonic();
  return {
    gate: {
      name,
      onConnection() {
        const fills = Math.floor((clock.monotonic() - filled) / intervalMs);
        if (fills > 0) {
          tokens = Math.min(most, tokens + fills * refill);
          filled += fills * intervalMs;
        }
        if (tokens < 1) {
          limited.increment();
          return { allow: false, details: 'local_ratelimit_close' };
        }
        tokens--;
        return { allow: true };
      },
    },
  };
}
