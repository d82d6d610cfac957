import { describe, expect, it } from 'vitest';
import type { Clock } from '../../common/runtime/clock.js';
import { seededRandom } from '../../common/runtime/testing.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import { FLAG } from '../http/flags.js';
import { fromYaml, testRequest } from '../router/testing.js';
import { Issues } from '../snapshot/issues.js';
import { compileFault, faultFactory } from './fault.js';
import { filterContext } from './testing.js';

class TestClock implements Clock {
  readonly pending = new Set<{ ms: number; callback: () => void }>();
  now = () => 0;
  monotonic = () => 0;
  after(ms: number, callback: () => void) {
    const timer = { ms, callback };
    this.pending.add(timer);
    return { cancel: () => void this.pending.delete(timer) };
  }
  fire(): void {
    for (const timer of [...this.pending]) timer.callback();
  }
}

function build(yaml: string, clock = new TestClock(), random = seededRandom()) {
  const issues = new Issues();
  const place = { name: 'fault', direction: 'outbound' as const, statPrefix: '' };
  const filter = faultFactory({ clock, random }).compile(fromYaml(EXTENSION.fault, yaml), place, issues);
  if (filter === undefined || filter === 'none') throw new Error('no filter');
  return { filter, issues, clock };
}

const ALL = '{numerator: 100}';
const ABORT = { status: 503, body: 'fault filter abort', details: 'fault_filter_abort', flags: FLAG.FI };

describe('abort', () => {
  it('answers with the status', () => {
    const { filter } = build(`{abort: {http_status: 503, percentage: ${ALL}}}`);
    expect(filter.onRequest?.(filterContext())).toEqual(ABORT);
  });

  it('answers gRPC with a grpc-status', () => {
    const { filter } = build(`{abort: {grpc_status: 14, percentage: ${ALL}}}`);
    expect(filter.onRequest?.(filterContext())).toEqual({ ...ABORT, status: 200, grpcStatus: 14 });
  });

  it.each([
    ['{numerator: 0}', 0],
    ['{numerator: 10}', 0.1],
    ['{numerator: 500, denominator: TEN_THOUSAND}', 0.05],
    ['{numerator: 900000, denominator: MILLION}', 0.9],
    [ALL, 1],
  ])('a percentage of %s takes a share of %d', (percentage, share) => {
    const { filter } = build(`{abort: {http_status: 500, percentage: ${percentage}}}`);
    const replies = Array.from({ length: 10_000 }, () => filter.onRequest?.(filterContext()));
    expect(Math.abs(replies.filter((reply) => reply !== undefined).length / 10_000 - share)).toBeLessThan(0.01);
  });

  it('happens only where headers, node and cluster match', () => {
    const { filter } = build(
      `{headers: [{name: end-user, string_match: {exact: jason}}], downstream_nodes: [n1], upstream_cluster: c, abort: {http_status: 503, percentage: ${ALL}}}`,
    );
    const headers = { 'end-user': 'jason', 'x-envoy-downstream-service-node': 'n1' };
    const action = { kind: 'forward', clusterName: 'c' } as never;
    const other = { kind: 'forward', clusterName: 'd' } as never;
    expect(filter.onRequest?.(filterContext(testRequest('a/', headers), { action }))).toEqual(ABORT);
    expect(filter.onRequest?.(filterContext(testRequest('a/', headers), { action: other }))).toBeUndefined();
    expect(
      filter.onRequest?.(filterContext(testRequest('a/', { ...headers, 'end-user': 'x' }), { action })),
    ).toBeUndefined();
    expect(filter.onRequest?.(filterContext(testRequest('a/', { 'end-user': 'jason' }), { action }))).toBeUndefined();
  });

  it('is asked for by a header, up to the configured percentage', () => {
    const { filter } = build(`{abort: {header_abort: {}, percentage: ${ALL}}}`);
    const ask = (headers: Record<string, string>) => filter.onRequest?.(filterContext(testRequest('a/', headers)));
    expect(ask({})).toBeUndefined();
    expect(ask({ 'x-envoy-fault-abort-request': '429' })).toMatchObject({ status: 429 });
    expect(ask({ 'x-envoy-fault-abort-request': '999' })).toBeUndefined();
    expect(ask({ 'x-envoy-fault-abort-grpc-request': '5' })).toMatchObject({ status: 200, grpcStatus: 5 });
    expect(
      ask({ 'x-envoy-fault-abort-request': '429', 'x-envoy-fault-abort-request-percentage': '0' }),
    ).toBeUndefined();
  });

  it('is taken from the route', () => {
    const { filter } = build('{}');
    const yaml = fromYaml(EXTENSION.fault, `{abort: {http_status: 503, percentage: ${ALL}}}`);
    const config = compileFault(yaml, seededRandom(), new Issues());
    expect(filter.onRequest?.(filterContext(testRequest('a/'), { config }))).toEqual(ABORT);
  });
});

describe('delay', () => {
  it('holds a request back, then lets it pass', async () => {
    const { filter, clock } = build(`{delay: {fixed_delay: 2.5s, percentage: ${ALL}}}`);
    const context = filterContext();
    const verdict = filter.onRequest?.(context);
    expect([...clock.pending].map((timer) => timer.ms)).toEqual([2500]);
    expect(context.info.flags).toBe(FLAG.DI);
    clock.fire();
    expect(await verdict).toBeUndefined();
  });

  it('comes before an abort', async () => {
    const { filter, clock } = build(
      `{delay: {fixed_delay: 1s, percentage: ${ALL}}, abort: {http_status: 503, percentage: ${ALL}}}`,
    );
    const verdict = filter.onRequest?.(filterContext());
    clock.fire();
    expect(await verdict).toEqual(ABORT);
  });

  it('ends with its request, and counts no more', () => {
    const { filter, clock } = build(`{max_active_faults: 1, delay: {fixed_delay: 1s, percentage: ${ALL}}}`);
    const context = filterContext();
    expect(filter.onRequest?.(context)).toBeInstanceOf(Promise);
    expect(filter.onRequest?.(filterContext())).toBeUndefined();
    filter.onComplete?.(context);
    expect(clock.pending.size).toBe(0);
    expect(filter.onRequest?.(filterContext())).toBeInstanceOf(Promise);
  });

  it('is asked for by a header', () => {
    const { filter, clock } = build(`{delay: {header_delay: {}, percentage: ${ALL}}}`);
    expect(
      filter.onRequest?.(filterContext(testRequest('a/', { 'x-envoy-fault-delay-request': '70' }))),
    ).toBeInstanceOf(Promise);
    expect([...clock.pending].map((timer) => timer.ms)).toEqual([70]);
  });
});

it.each(['{abort: {http_status: 99}}', '{abort: {}}', '{delay: {}}'])('refuses %s', (yaml) => {
  expect(build(yaml).issues.errors).toHaveLength(1);
});
