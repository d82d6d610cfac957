import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../common/runtime/testing.js';
import type { NetworkFilter, NetworkVerdict } from '../../listeners/config.js';
import { Issues } from '../../snapshot/issues.js';
import { TEST_CONNECTION } from '../../telemetry/testing.js';
import { noCounters } from '../counter.js';
import { compileConnectionLimit } from './connection-limit.js';
import { compileNetworkRateLimit } from './local-rate-limit.js';

const enter = (gate: NetworkFilter | undefined) => gate?.onConnection(TEST_CONNECTION, { metadata: undefined });
const allowed = (gate: NetworkFilter | undefined) => (enter(gate) as NetworkVerdict | undefined)?.allow;

describe('connection_limit', () => {
  it('lets another in when one is gone', () => {
    const message = { max_connections: { value: 1 }, delay: { seconds: 2 } };
    const { gate } = compileConnectionLimit(message, 'limit', noCounters, new Issues());
    expect(allowed(gate)).toBe(true);
    expect(enter(gate)).toEqual({ allow: false, details: 'connection_limit', delayMs: 2000 });
    gate?.onDisconnect?.();
    expect(allowed(gate)).toBe(true);
  });

  it('can be switched off', () => {
    const message = { max_connections: { value: 1 }, runtime_enabled: { default_value: { value: false } } };
    expect(compileConnectionLimit(message, 'limit', noCounters, new Issues())).toEqual({});
  });
});

describe('local_ratelimit', () => {
  it('gives tokens back as time passes, up to the most', () => {
    const clock = new ManualClock();
    const token_bucket = { max_tokens: 2, tokens_per_fill: { value: 1 }, fill_interval: { seconds: 1 } };
    const { gate } = compileNetworkRateLimit({ token_bucket }, 'rate', { clock, counters: noCounters }, new Issues());
    const next = () => allowed(gate);
    expect([next(), next(), next()]).toEqual([true, true, false]);
    clock.advance(1500);
    expect([next(), next()]).toEqual([true, false]);
    clock.advance(500);
    expect([next(), next()]).toEqual([true, false]);
    clock.advance(60_000);
    expect([next(), next(), next()]).toEqual([true, true, false]);
  });

  it('wants a bucket', () => {
    const issues = new Issues();
    compileNetworkRateLimit({}, 'rate', { clock: new ManualClock(), counters: noCounters }, issues);
    expect(issues.errors).toEqual([
      'token_bucket.max_tokens: must be at least 1',
      'token_bucket.fill_interval: must be at least 50ms',
    ]);
  });
});
