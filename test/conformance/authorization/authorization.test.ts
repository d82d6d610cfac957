import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findEnvoy } from '../../support/envoy.js';
import { type Row, readTable } from './table.js';
import { type Outcome, TableProxy } from './table-proxy.js';

/**
 * AuthorizationPolicy, row by row: policies as Istio has them, translated by our control plane, decided by a real Envoy
 * and by our sidecar. Where there is no Envoy, what the rows expect stands in for it.
 */
const table = readTable().map((group, index) => ({ ...group, index }));
const sides = findEnvoy() === undefined ? (['weft'] as const) : (['envoy', 'weft'] as const);
let proxies: readonly TableProxy[] = [];

beforeAll(async () => {
  proxies = await Promise.all(sides.map((side) => TableProxy.start(side, table)));
});
afterAll(() => {
  for (const proxy of proxies) proxy.stop();
});

it('has at least 200 rows', () => {
  expect(table.flatMap(({ rows }) => rows).length).toBeGreaterThanOrEqual(200);
});

describe.each(table)('$name', ({ rows, index }) => {
  it.each(rows)('$title', async (row) => {
    const outcomes = await Promise.all(proxies.map((proxy) => proxy.decide(index, row)));
    for (const [at, outcome] of outcomes.entries()) expectDecision(outcome, row, sides[at] ?? '');
    for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
  });
});

function expectDecision(outcome: Outcome, { expect: expected, tcp, method }: Row, side: string): void {
  if (expected.kind === 'allow') {
    expect(outcome, side).toMatchObject({ answer: 'HTTP/1.1 200 OK', flags: '-' });
    expect(outcome.reached, side).toHaveLength(1);
    return;
  }
  expect(outcome.reached, side).toEqual([]);
  if (expected.kind === 'status') {
    expect(outcome.answer, side).toContain(`HTTP/1.1 ${expected.status} `);
    return;
  }
  expect(outcome, side).toMatchObject({
    answer: tcp ? 'closed' : `HTTP/1.1 403 Forbidden${method === 'HEAD' ? '' : ' RBAC: access denied'}`,
    details: `rbac_access_denied_matched_policy[${expected.policy}]`,
  });
}
