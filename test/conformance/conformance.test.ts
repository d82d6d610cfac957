import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findEnvoy } from '../support/envoy.js';
import { type CaseRequest, type ConformanceCase, readCases } from './case-file.js';
import { ConformanceMesh } from './conformance-mesh.js';
import { expectAsKnown, expectShares, withoutName } from './expectations.js';
import { type Recorded, Recordings } from './recordings.js';
import { wantedStatistics } from './statistics.js';

/**
 * Istio's YAML → our control plane → a real Envoy and our sidecar → the same requests: in nothing a difference. Where there
 * is no Envoy, its recorded answers stand in (`cases/*.recorded.json`, written anew with UPDATE_RECORDINGS=1).
 */
const envoy = findEnvoy();
const mesh = new ConformanceMesh();

beforeAll(() => mesh.start(envoy));
afterAll(() => mesh.dispose());

describe.each(readCases())('$name', ({ name, cases }) => {
  const recordings = new Recordings(name);
  afterAll(() => recordings.save(cases.map((one) => one.name)));

  it.each(cases)('$name', async (one) => {
    await mesh.apply(one);
    const ours = await run(one, 'weft');
    const theirs = envoy === undefined ? recordings.get(one.name) : await run(one, 'envoy');
    if (envoy !== undefined) recordings.check(one.name, theirs);
    one.requests.forEach((request, index) => {
      const what = `${index}: ${request.method} ${request.path}`;
      const reference = theirs.exchanges[index];
      if (reference === undefined) throw new Error(`no answer of Envoy is recorded for ${what}`);
      expectAsKnown(request, reference, `Envoy ${what}`);
      if (request.repeat > 1) {
        // Which endpoint a hash stands for depends on its port, and a recording was made with other ports.
        const nameless = envoy === undefined && request.expect.share === undefined;
        const [own = {}, their] = nameless
          ? [ours.exchanges[index], reference].map(withoutName)
          : [ours.exchanges[index], reference];
        expectShares(own, their ?? reference, request.repeat);
      } else expect(ours.exchanges[index], what).toEqual(reference);
    });
    expect(ours.stats).toEqual(theirs.stats);
  });
});

async function run(one: ConformanceCase, side: 'weft' | 'envoy'): Promise<Recorded> {
  const before = await mesh.stats(side);
  const exchanges: Recorded['exchanges'][number][] = [];
  for (const request of one.requests) exchanges.push(await exchangeOf(request, side));
  const wanted = wantedStatistics(one, exchanges);
  const after = wanted.length === 0 ? before : await mesh.stats(side);
  const stats = Object.fromEntries(wanted.map((name) => [name, (after.get(name) ?? 0) - (before.get(name) ?? 0)]));
  return { exchanges, stats };
}

async function exchangeOf(request: CaseRequest, side: 'weft' | 'envoy'): Promise<Recorded['exchanges'][number]> {
  if (request.repeat > 1) return { shares: await mesh.shares(side, request) };
  if (request.together > 1) return { counts: await mesh.together(side, request) };
  const { tookMs, ...observation } = await mesh.observe(side, request);
  const { atLeastMs } = request.expect;
  return { ...observation, ...(atLeastMs !== undefined && { tookAtLeast: tookMs >= atLeastMs }) };
}
