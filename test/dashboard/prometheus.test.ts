import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getJson } from '../../cli/mesh/http.js';
import { locateControlPlane } from '../../cli/mesh/locate.js';
import type { WorkloadListing } from '../../cli/mesh/workloads.js';
import type { Graph } from '../../common/observe/graph.js';
import type { Series } from '../../common/observe/series.js';
import { DemoProcess } from '../support/demo-process.js';
import { hasPrometheus, PrometheusProcess } from '../support/prometheus.js';
import { browserOnPath, drawnEdges, launch, openDashboard } from './support/browser.js';

if (!hasPrometheus) process.stderr.write('skipped: no prometheus on the PATH for the page to read\n');

const chromium = browserOnPath();
const [EVERY_S, PAST_S] = [30, 3 * 3600];
/** Of a shop that is gone: 10 requests a second for three hours, one of which fails, and each takes 5 to 10 ms. */
const OLD = { perSecond: 10, failing: 1 };

/** What a Prometheus would have scraped of the shop until five minutes ago, as OpenMetrics. */
function past(now: number): string {
  const end = (name: string): string =>
    `workload="old-${name}", workload_namespace="past", principal="spiffe://cluster.local/ns/past/sa/${name}", canonical_service="old-${name}", canonical_revision="v1"`
      .split(', ')
      .map((label) => `${name === 'shop' ? 'destination' : 'source'}_${label}`)
      .join(',');
  const edge = `reporter="source",${end('client')},${end('shop')},destination_service="old-shop.past.svc.cluster.local",request_protocol="http",connection_security_policy="unknown"`;
  const times = Array.from({ length: (PAST_S - 300) / EVERY_S }, (_, index) => index * EVERY_S);
  const samples = (name: string, labels: string, perSecond: number): string[] =>
    times.map((at) => `${name}{${edge}${labels}} ${perSecond * at} ${Math.round(now / 1000) - PAST_S + at}`);
  const requests = (code: string, perSecond: number): string[] =>
    samples('istio_requests_total', `,response_code="${code}",response_flags="-"`, perSecond);
  const bucket = (le: string, perSecond: number): string[] =>
    samples('istio_request_duration_milliseconds_bucket', `,le="${le}"`, perSecond);
  return [
    '# TYPE istio_requests counter',
    ...requests('200', OLD.perSecond - OLD.failing),
    ...requests('503', OLD.failing),
    '# TYPE istio_request_duration_milliseconds histogram',
    ...bucket('5', 0),
    ...bucket('10', OLD.perSecond),
    ...bucket('+Inf', OLD.perSecond),
    '# EOF\n',
  ].join('\n');
}

describe.skipIf(!hasPrometheus)('a control plane that reads a real Prometheus', () => {
  const prometheus = new PrometheusProcess();
  let demo: DemoProcess;
  let debugUrl: string;

  beforeAll(async () => {
    // The demo gives its environment to the control plane that it starts.
    process.env['WEFT_PROMETHEUS'] = await prometheus.address();
    demo = new DemoProcess();
    delete process.env['WEFT_PROMETHEUS'];
    prometheus.remember(past(Date.now()));
    await demo.until('traffic', ({ requests }) => requests > 20, 90_000);
    ({ debugUrl } = locateControlPlane(demo.state));
    const workloads = await getJson<WorkloadListing[]>(`${debugUrl}/debug/workloads`);
    const targets = workloads.flatMap(({ address, sidecar }) => (sidecar ? [`${address}:${sidecar.admin}`] : []));
    await prometheus.start([{ name: 'sidecars', path: '/stats/prometheus', targets }]);
  });
  afterAll(async () => {
    await demo?.stop();
    await demo?.dispose();
    await prometheus.dispose();
  });

  const api = <T>(path: string): Promise<T> => getJson<T>(`${debugUrl}/api/${path}`);

  /** Asks until it holds: numbers come with the scrapes. */
  async function until<T>(path: string, holds: (answer: T) => boolean): Promise<T> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const answer = await api<T>(path);
      if (holds(answer)) return answer;
      if (Date.now() > deadline) throw new Error(`${path}: ${JSON.stringify(answer).slice(0, 3000)}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  it('draws the demo as the sidecars told Prometheus', async () => {
    const ends = ['productpage-v1', 'reviews-v1'].map((name) => `workload/default/${name}`);
    const graph = await until<Graph>('graph?window=60s', ({ edges }) =>
      edges.some(
        ({ source, destination, golden }) =>
          source === ends[0] && destination === ends[1] && golden.p99Ms !== undefined,
      ),
    );
    expect(graph).toMatchObject({ source: 'prometheus', notes: [] });
    const edge = graph.edges.find(({ source, destination }) => source === ends[0] && destination === ends[1]);
    expect(edge).toMatchObject({ security: { kind: 'mtls' }, protocol: 'http', golden: { errors: 0 } });
    expect(edge?.golden.requestsPerSecond).toBeGreaterThan(0);
    expect(edge?.golden.p99Ms).toBeGreaterThan(0);
    expect(edge?.share).toBeGreaterThan(0);
  });

  it('goes back further than an hour, to what no sidecar knows any more', async () => {
    const [source, destination] = ['workload/past/old-client', 'workload/past/old-shop'];
    const graph = await api<Graph>('graph?window=2h&at=-30m');
    const edge = graph.edges.find((one) => one.source === source && one.destination === destination);
    expect(edge?.golden.requestsPerSecond).toBeCloseTo(OLD.perSecond, 0);
    expect(edge?.golden.errorShare).toBeCloseTo(OLD.failing / OLD.perSecond, 2);
    expect(edge?.golden.p50Ms).toBeGreaterThan(5);
    expect(edge?.golden.p50Ms).toBeLessThan(10);
    expect(edge?.security.kind).toBe('mtls');
    const series = await api<Series>(`series?node=${destination}&window=2h&at=-30m`);
    expect(series.source).toBe('prometheus');
    expect(series.times.length).toBeGreaterThan(30);
    for (const value of series.requestsPerSecond.slice(1, -1)) expect(value).toBeCloseTo(OLD.perSecond, 0);
    for (const value of series.codes['503']?.slice(1, -1) ?? [0]) expect(value).toBeCloseTo(OLD.failing, 1);
    expect((await api<Graph>('graph?window=60s')).edges.some((one) => one.source === source)).toBe(false);
  });

  it.skipIf(chromium === undefined)('is the page that everybody knows', async () => {
    let browser: Browser | undefined;
    try {
      browser = await launch(chromium ?? '');
      const { page, complaints } = await openDashboard(browser, debugUrl, '#window=60');
      await page.waitForFunction(() =>
        (globalThis as unknown as { weft: { drawn: { edges: { target: string }[] } } }).weft.drawn.edges.some(
          ({ target }) => target.endsWith('/reviews-v1'),
        ),
      );
      const edges = await drawnEdges(page);
      expect(edges.find(({ target }) => target.endsWith('/reviews-v1'))).toMatchObject({ security: 'mtls' });
      expect(complaints).toEqual([]);
    } finally {
      await browser?.close();
    }
  });

  it('says that Prometheus is gone, and still shows who is there', async () => {
    prometheus.kill();
    const graph = await until<Graph>('graph?window=60s', ({ notes }) => notes.length > 0);
    expect(graph.notes.join()).toMatch(
      /^Prometheus at http:\S+ does not answer: .*(ECONNREFUSED|fetch failed|refused)/,
    );
    expect(graph.nodes.some(({ id }) => id === 'workload/default/reviews-v1')).toBe(true);
    expect(graph.edges).toEqual([]);
  });
});
