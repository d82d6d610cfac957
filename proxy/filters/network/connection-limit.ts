import type { ConnectionLimit__Output } from '../../../proto/gen/envoy/extensions/filters/network/connection_limit/v3/ConnectionLimit.js';
import type { CompiledNetworkFilter } from '../../listeners/compile-deps.js';
import type { Issues } from '../../snapshot/issues.js';
import { durationMs } from '../../snapshot/wire-values.js';
import type { CounterSource } from '../counter.js';

/** Compiles envoy.filters.network.connection_limit: connections beyond the limit are closed, at once or after a delay. */
export function compileConnectionLimit(
  message: ConnectionLimit__Output,
  name: string,
  counters: CounterSource,
  issues: Issues,
): CompiledNetworkFilter {
  const most = message.max_connections?.value ?? 0;
  if (most < 1) issues.at('max_connections').error('must be at least 1');
  if (message.runtime_enabled?.default_value?.value === false) return {};
  const delayMs = durationMs(message.delay) ?? 0;
  const limited = counters(`connection_limit.${message.stat_prefix ?? ''}.limited_connections`);
  let active = 0;
  return {
    gate: {
      name,
      onConnection() {
        if (active >= most) {
          limited.increment();
          return { allow: false, details: 'connection_limit', delayMs };
        }
        active++;
        return { allow: true };
      },
      onDisconnect() {
        active--;
      },
    },
  };
}
