import { expect, it } from 'vitest';
import { goldenOf } from '../../common/observe/golden.js';
import { PrometheusHistory } from './prometheus.js';

const NOW = 1_700_000_100_000;
const clock = { now: () => NOW, monotonic: () => 0, after: () => ({ cancel: () => {} }) };
const LABELS = {
  reporter: 'source',
  source_workload: 'a',
  source_workload_namespace: 'default',
  source_principal: 'spiffe://cluster.local/ns/default/sa/a',
  destination_workload: 'b',
  destination_workload_namespace: 'default',
  destination_principal: 'spiffe://cluster.local/ns/default/sa/b',
  destination_service: 'b.default.svc.cluster.local',
  request_protocol: 'http',
  connection_security_policy: 'unknown',
};

/** A Prometheus with some series, by the metric that a query names. */
function prometheus(series: Readonly<Record<string, readonly [labels: object, value: number][]>>) {
  const queries: string[] = [];
  const history = new PrometheusHistory('http://prometheus:9090/', clock, (url, body) => {
    expect(url).toBe('http://prometheus:9090/api/v1/query_range');
    const query = body.get('query') ?? '';
    queries.push(query);
    const name = /increase\((\w+)\[/.exec(query)?.[1] ?? '';
    const result = (series[name] ?? []).map(([labels, value]) => ({
      metric: { ...LABELS, ...labels },
      values: [[Number(body.get('end')), String(value)]],
    }));
    return Promise.resolve({ status: 'success', data: { result } });
  });
  return { history, queries };
}

it('answers as samples do, from Istio’s metrics', async () => {
  const { history, queries } = prometheus({
    istio_requests_total: [
      [{ response_code: '200', response_flags: '-' }, 90.2],
      [{ response_code: '503', response_flags: 'UH' }, 9.9],
    ],
    istio_request_duration_milliseconds_bucket: [
      [{ le: '5' }, 50],
      [{ le: '10' }, 90],
      [{ le: '100' }, 100],
      [{ le: '+Inf' }, 100],
    ],
    istio_response_bytes_sum: [[{}, 6000]],
  });
  const { value, notes } = await history.sums({ from: NOW - 60_000, to: NOW });
  expect(notes).toEqual([]);
  expect(value).toHaveLength(1);
  const golden = goldenOf(value, 60_000);
  expect(golden).toMatchObject({ requests: 100, errors: 10, errorShare: 0.1, sentBytesPerSecond: 100 });
  expect(golden.p50Ms).toBeCloseTo(5, 0);
  expect(golden.p99Ms ?? 0).toBeGreaterThan(80);
  expect(value[0]).toMatchObject({ mtls: true, reporter: 'source', protocol: 'http' });
  expect(queries.every((query) => query.includes('[60s]'))).toBe(true);
});

it('says when Prometheus does not answer', async () => {
  const history = new PrometheusHistory('http://p', clock, () => Promise.reject(new Error('refused')));
  const { value, notes } = await history.steps({ from: NOW - 120_000, to: NOW }, 60_000);
  expect(value).toEqual([[], []]);
  expect(notes.join()).toMatch(/refused/);
});
