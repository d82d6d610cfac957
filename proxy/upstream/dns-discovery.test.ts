import { pino } from 'pino';
import { expect, it } from 'vitest';
import { ManualClock } from '../../common/runtime/testing.js';
import type { DnsConfig, EndpointConfig, EndpointsConfig } from './cluster-config.js';
import { compileEndpoints } from './compile-endpoints.js';
import { DnsDiscovery } from './dns-discovery.js';
import { FieldReport } from './fields.js';

const BASE: DnsConfig = { refreshMs: 60_000, family: 'v4', failureRefreshMs: 60_000 };

interface Answer {
  readonly addresses?: readonly string[];
  readonly ttlMs?: number;
}

/** A cluster of one name, whose look-ups are answered in this order; an answer without addresses is a failure. */
function setUp(dns: DnsConfig, answers: Answer[], logical = false) {
  const clock = new ManualClock();
  const published: string[][] = [];
  let asked = 0;
  let current: Answer = {};
  const endpoints: EndpointsConfig = compileEndpoints(
    {
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: { socket_address: { address: 'a.test', port_value: 80 } } } }] },
      ],
    },
    true,
    '',
    new FieldReport(),
  );
  const resolver = {
    resolve: (): Promise<readonly string[]> => {
      asked++;
      current = answers.shift() ?? {};
      return current.addresses === undefined
        ? Promise.reject(new Error('nothing'))
        : Promise.resolve(current.addresses);
    },
    ttlMs: () => Promise.resolve(current.ttlMs),
  };
  const discovery = new DnsDiscovery(
    { kind: 'dns', logical, endpoints, dns },
    { resolver, clock, log: pino({ level: 'silent' }) },
    (found) => published.push(found.endpoints.map(({ host }: EndpointConfig) => host)),
  );
  discovery.start();
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return {
    published,
    asked: () => asked,
    settle,
    pass: async (ms: number): Promise<void> => {
      clock.advance(ms);
      await settle();
    },
  };
}

it('takes all addresses, or the first of a logical cluster', async () => {
  const strict = setUp(BASE, [{ addresses: ['10.0.0.2', '10.0.0.1'] }]);
  const logical = setUp(BASE, [{ addresses: ['10.0.0.2', '10.0.0.1'] }], true);
  await strict.settle();
  await logical.settle();
  expect(strict.published).toEqual([['10.0.0.1', '10.0.0.2']]);
  expect(logical.published).toEqual([['10.0.0.2']]);
});

it('looks again when the lifetime is over, where that counts', async () => {
  const answers = [{ addresses: ['10.0.0.1'], ttlMs: 5000 }, { addresses: ['10.0.0.2'], ttlMs: 0 }, { addresses: [] }];
  const { published, asked, settle, pass } = setUp({ ...BASE, respectTtl: true }, [...answers]);
  await settle();
  await pass(4999);
  expect(asked()).toBe(1);
  await pass(1);
  expect(published.at(-1)).toEqual(['10.0.0.2']);
  // A lifetime of none says nothing.
  await pass(59_999);
  expect(asked()).toBe(2);
  const without = setUp(BASE, [...answers]);
  await without.settle();
  await without.pass(59_999);
  expect(without.asked()).toBe(1);
});

it('keeps what it has while nobody answers, and asks less and less often', async () => {
  const { published, asked, settle, pass } = setUp({ ...BASE, failureRefreshMs: 1000, failureMaxMs: 3000 }, [
    { addresses: ['10.0.0.1'] },
  ]);
  await settle();
  await pass(60_000);
  expect(asked()).toBe(2);
  const counts: number[] = [];
  for (const ms of [1000, 2000, 3000, 3000]) {
    await pass(ms);
    counts.push(asked());
  }
  expect(counts).toEqual([3, 4, 5, 6]);
  expect(published).toEqual([['10.0.0.1']]);
});
