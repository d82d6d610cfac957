import { expect } from 'vitest';
import type { CaseRequest } from './case-file.js';
import type { Recorded } from './recordings.js';

type Exchange = Recorded['exchanges'][number];

/** Standard deviations of a share that are still chance: one in a million runs is further off. */
const DEVIATIONS = 5;

/** Envoy did what the case says of it, so that the configuration has had an effect. */
export function expectAsKnown(request: CaseRequest, exchange: Exchange, what: string): void {
  const known = request.expect;
  const response = exchange.responses?.at(-1);
  const received = exchange.upstream?.at(-1);
  if (known.status !== undefined) expect(response?.start.split(' ')[1], what).toBe(String(known.status));
  if (known.flags !== undefined) expect(exchange.log?.at(-1)?.['flags'], what).toBe(known.flags);
  if (known.secured !== undefined) expect(exchange.secured ?? null, what).toBe(known.secured);
  if (known.connection !== undefined) expect(exchange.connection, what).toBe(known.connection);
  if (known.body !== undefined) expect(response?.body, what).toBe(known.body);
  if (known.counts !== undefined) expect(exchange.counts, what).toEqual(known.counts);
  if (known.rest !== undefined) expect(exchange.rest, what).toBe(known.rest);
  if (known.path !== undefined) expect(received?.start.split(' ')[1], what).toBe(known.path);
  if (known.upstream !== undefined) {
    const asked = exchange.upstream?.map(({ at }) => at) ?? [];
    if (Array.isArray(known.upstream)) expect(asked, what).toEqual(known.upstream);
    else if (known.upstream === 'none') expect(asked, what).toEqual([]);
    else expect(asked.at(-1), what).toBe(known.upstream);
  }
  for (const [name, value] of Object.entries(known.headers ?? {})) expectField(response?.headers, name, value, what);
  for (const [name, value] of Object.entries(known.received ?? {})) expectField(received?.headers, name, value, what);
  if (known.atLeastMs !== undefined) expect(exchange.tookAtLeast, what).toBe(true);
  if (known.share !== undefined) expectShares(exchange, { shares: known.share }, request.repeat, what);
}

/** Two samples of one distribution, or a sample and its distribution: no share differs more than chance explains. */
export function expectShares(actual: Exchange | undefined, reference: Exchange, count: number, what = ''): void {
  const [a, b] = [actual?.shares ?? {}, reference.shares ?? {}];
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [x, y] = [a[key] ?? 0, b[key] ?? 0];
    const p = (x + y) / 2;
    const tolerance = DEVIATIONS * Math.sqrt((2 * p * (1 - p)) / count) + 1 / count;
    expect(Math.abs(x - y), `${what} share of ${key}: ${x} and ${y}`).toBeLessThanOrEqual(tolerance);
  }
}

/** The same when all went to one endpoint, whichever that is. */
export function withoutName(exchange: Exchange | undefined): Exchange {
  const [only, ...others] = Object.entries(exchange?.shares ?? {});
  const one = only !== undefined && others.length === 0 && only[0].startsWith('shop-');
  return one ? { ...exchange, shares: { 'one endpoint': only[1] } } : (exchange ?? {});
}

function expectField(
  fields: readonly (readonly [string, string])[] | undefined,
  name: string,
  value: string | null,
  what: string,
): void {
  const found = fields?.filter(([key]) => key === name.toLowerCase()).map(([, one]) => one);
  if (value === null) expect(found, `${what}: ${name}`).toEqual([]);
  else expect(found?.join(','), `${what}: ${name}`).toBe(value);
}
