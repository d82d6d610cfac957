import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../common/runtime/testing.js';
import type { PluginConfig__Output } from '../../proto/gen/stats/PluginConfig.js';
import type { StreamInfo, WorkloadInfo } from '../http/stream-info.js';
import { Issues } from '../snapshot/issues.js';
import { Expressions } from './expressions/compile.js';
import { IstioMetrics } from './istio-metrics.js';
import { createStatsFilter, createTcpStats } from './stats-filter.js';
import { testInfo, testRequest, testResponse } from './testing.js';

const workload = (name: string): WorkloadInfo => ({
  workload: name,
  namespace: 'default',
  canonicalService: name,
  canonicalRevision: 'v1',
  app: name,
  version: 'v1',
  cluster: 'east',
});
const PEER = workload('reviews');

function setUp(evictionMs = Number.POSITIVE_INFINITY) {
  const clock = new ManualClock();
  const metrics = new IstioMetrics(workload('client'), { clock, evictionMs });
  const registry = new Registry();
  metrics.register(registry);
  const issues = new Issues();
  const deps = { metrics, direction: 'outbound' as const, expressions: new Expressions({}) };
  const requests = (config: PluginConfig__Output, user = '') => {
    const filter = createStatsFilter(config, deps, issues, user);
    return (over: Partial<StreamInfo> = {}, headers: Record<string, string> = {}): void => {
      const context = {
        request: testRequest(headers),
        info: testInfo({ peerWorkload: PEER, ...over }),
        route: () => undefined,
      };
      filter.onResponse?.(context, testResponse({ 'x-r': 's' }, context.info.responseCode));
      filter.onComplete?.(context);
    };
  };
  /** Samples of a metric, each with only some of its labels. */
  const samples = async (name: string, ...labels: string[]): Promise<string[]> => {
    const metric = await registry.getSingleMetric(name)?.get();
    return (metric?.values ?? [])
      .filter(({ labels: all }) => all['le'] === undefined || all['le'] === '+Inf')
      .filter((value) => !('metricName' in value) || !/_(?:sum|count)$/.test(String(value.metricName)))
      .map(({ labels: all, value }) => `${labels.map((label) => all[label] ?? '(none)').join(' ')} ${value}`);
  };
  const tcp = (config: PluginConfig__Output) => createTcpStats(config, deps, issues);
  return { clock, metrics, requests, samples, tcp, issues, registry };
}

describe('what a configuration changes about metrics', () => {
  it('drops one, and leaves the others', async () => {
    const { requests, samples, metrics } = setUp();
    requests({ metrics: [{ name: 'request_bytes', drop: true }] })();
    expect(await samples('istio_request_bytes', 'source_app')).toEqual([]);
    expect(await samples('istio_requests_total', 'source_app')).toEqual(['client 1']);
    expect([...metrics.edges()]).toHaveLength(1);
  });

  it('drops all, and goes on counting for the graph', async () => {
    const { requests, metrics, registry } = setUp();
    requests({ metrics: [{ drop: true }] })();
    expect(await registry.metrics()).not.toMatch(/^istio_/m);
    expect([...metrics.edges()]).toHaveLength(1);
  });

  it('takes tags away, and adds up what then says the same', async () => {
    const { requests, samples } = setUp();
    const record = requests({
      metrics: [{ name: 'requests_total', tags_to_remove: ['response_code', 'destination_app'] }],
    });
    record();
    record({ responseCode: 503 });
    record({ peerWorkload: workload('ratings') });
    const labels = ['destination_app', 'response_code', 'destination_workload'];
    expect(await samples('istio_requests_total', ...labels)).toEqual([
      '(none) (none) reviews 2',
      '(none) (none) ratings 1',
    ]);
    expect(await samples('istio_request_bytes', ...labels)).toHaveLength(3);
  });

  it('makes tags of expressions, new ones and those that there are', async () => {
    const { requests, samples } = setUp();
    const record = requests({
      metrics: [
        {
          name: 'requests_total',
          dimensions: {
            method: 'request.method',
            answer: "response.headers['x-r'] + '!'",
            source_app: "request.headers['x-app']",
            port: 'destination.port',
          },
        },
        { dimensions: { everywhere: "'yes'" } },
      ],
    });
    record({}, { 'x-app': 'mine' });
    record({}, { 'x-app': 'mine' });
    record();
    expect(await samples('istio_requests_total', 'method', 'answer', 'source_app', 'port', 'everywhere')).toEqual([
      'GET s! mine 15001 yes 2',
      'GET s! unknown 15001 yes 1',
    ]);
    expect(await samples('istio_response_bytes', 'method', 'source_app', 'everywhere')).toEqual([
      '(none) client yes 3',
    ]);
  });

  it('counts connections by what is known when they open', async () => {
    const { tcp, samples } = setUp();
    const hooks = tcp({ metrics: [{ dimensions: { port: 'string(destination.port)', path: 'request.path' } }] });
    const info = testInfo({ peerWorkload: PEER, bytesSent: 7 });
    hooks.onOpen(info);
    expect(await samples('istio_tcp_sent_bytes_total', 'port', 'path')).toEqual(['15001 unknown 7']);
    hooks.onClose(info);
    expect(await samples('istio_tcp_connections_closed_total', 'port')).toEqual(['15001 1']);
  });

  it('has no more combinations than a bound', async () => {
    const { requests, samples, metrics } = setUp();
    const record = requests({ metrics: [{ dimensions: { id: "request.headers['id']" } }] });
    for (let i = 0; i < 700; i++) record({}, { id: String(i) });
    expect([...metrics.edges()].length).toBeLessThanOrEqual(500);
    const [unknown] = (await samples('istio_requests_total', 'id')).filter((line) => line.startsWith('unknown'));
    expect(unknown).toBe('unknown 201');
  });

  it('begins anew under another shape, place by place', async () => {
    const { requests, samples } = setUp();
    const plain = requests({}, 'a');
    plain();
    plain();
    requests({}, 'b');
    const shaped = requests({ metrics: [{ dimensions: { method: 'request.method' } }] }, 'a');
    shaped();
    // Place b counts as before.
    expect((await samples('istio_requests_total', 'method')).sort()).toEqual(['(none) 2', 'GET 1']);
    requests({ metrics: [{ dimensions: { method: 'request.method' } }] }, 'b');
    expect(await samples('istio_requests_total', 'method')).toEqual(['GET 1']);
    requests({}, 'a');
    requests({}, 'b');
    expect(await samples('istio_requests_total', 'method')).toEqual(['(none) 2']);
  });

  const warned: [config: NonNullable<PluginConfig__Output['metrics']>[number], warning: RegExp][] = [
    [{ name: 'nothing', drop: true }, /there is no metric nothing/],
    [{ tags_to_remove: ['nothing'] }, /there is no tag nothing/],
    [{ dimensions: { 'a-b': '1' } }, /cannot be the name of a label/],
    [{ dimensions: { a: '(' } }, /the tag is left out: expression: .* at position 1/],
    [{ dimensions: { a: 'request.nothing' } }, /is always "unknown": No such key: nothing/],
  ];
  it.each(warned)('warns of %j', (config, warning) => {
    const { requests, issues } = setUp();
    requests({ metrics: [config] })();
    expect(issues.errors).toEqual([]);
    expect(issues.warnings).toEqual([expect.stringMatching(warning)]);
  });
});

describe('the number of edges', () => {
  it('falls when nothing happens on them', async () => {
    const { requests, samples, metrics, clock } = setUp(60_000);
    const record = requests({});
    record();
    record({ peerWorkload: workload('ratings') });
    expect([...metrics.edges()]).toHaveLength(2);
    clock.advance(50_000);
    record();
    expect([...metrics.edges()]).toHaveLength(2);
    clock.advance(50_000);
    expect(await samples('istio_requests_total', 'destination_app')).toEqual(['reviews 2']);
    expect(await samples('weft_proxy_edges_evicted_total', 'reporter')).toEqual(['source 1', 'destination 0']);
    record({ peerWorkload: workload('ratings') });
    expect(await samples('istio_requests_total', 'destination_app')).toEqual(['reviews 2', 'ratings 1']);
  });

  it('keeps connections that are open', async () => {
    const { tcp, metrics, clock } = setUp(60_000);
    const hooks = tcp({});
    const info = testInfo({ peerWorkload: PEER });
    hooks.onOpen(info);
    for (let i = 0; i < 3; i++) {
      clock.advance(50_000);
      expect([...metrics.edges()]).toHaveLength(1);
    }
    hooks.onClose(info);
    for (let i = 0; i < 3; i++) {
      clock.advance(50_000);
      [...metrics.edges()];
    }
    expect([...metrics.edges()]).toHaveLength(0);
  });

  it('is bounded; what is beyond is counted as unknown until there is room', async () => {
    const { requests, samples, clock } = setUp();
    const record = requests({});
    for (let i = 0; i < 6000; i++) record({ peerWorkload: workload(`w${i}`) });
    expect(await samples('weft_proxy_edges', 'reporter')).toEqual(['source 2001', 'destination 0']);
    expect(await samples('weft_proxy_edges_overflow_total', 'reporter')).toEqual(['source 4000', 'destination 0']);
    const all = await samples('istio_requests_total', 'destination_workload');
    expect(all.filter((line) => line.startsWith('unknown'))).toEqual(['unknown 4000']);
    clock.advance(20_000);
    record({ peerWorkload: workload('w1') });
    clock.advance(400_000);
    record({ peerWorkload: workload('late') });
    expect(await samples('istio_requests_total', 'destination_workload')).toEqual(['w1 2', 'late 1']);
  });
});
