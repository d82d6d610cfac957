import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getText } from '../../cli/mesh/http.js';
import { adminUrl, findWorkload } from '../../cli/mesh/workloads.js';
import { count, type DemoLine, DemoProcess, hop } from '../support/demo-process.js';

/** Visits per second; every one is three to four requests between services. */
const RPS = '80';
const DATABASE = 'ratings-db-v1';
const REVIEWS = ['reviews-v1', 'reviews-v2', 'reviews-v3'] as const;

function reviewsShares(from: DemoLine, to: DemoLine): Record<string, number> {
  const counts = REVIEWS.map((name) => count(to, 'productpage-v1', name) - count(from, 'productpage-v1', name));
  const total = counts.reduce((a, b) => a + b, 0);
  return Object.fromEntries(REVIEWS.map((name, index) => [name, (counts[index] ?? 0) / total]));
}

describe('a demo steered by editing files while traffic flows', () => {
  let demo: DemoProcess;
  let routes: string;

  /** Two lines at least `requests` of the productpage → reviews hop apart, the first one a moment after now. */
  async function sample(requests: number): Promise<[DemoLine, DemoLine]> {
    const total = (line: DemoLine): number =>
      REVIEWS.reduce((sum, name) => sum + count(line, 'productpage-v1', name), 0);
    const settled = (demo.last?.elapsedMs ?? 0) + 1500;
    const from = await demo.until('traffic', (line) => line.elapsedMs > settled);
    const to = await demo.until(`${requests} requests to reviews`, (line) => total(line) - total(from) >= requests);
    return [from, to];
  }

  /** Sum of the matching series on a sidecar's /stats/prometheus. */
  async function metric(workload: string, series: RegExp): Promise<number> {
    const text = await getText(`${adminUrl(await findWorkload(demo.state, workload))}/stats/prometheus`);
    return text
      .split('\n')
      .filter((line) => series.test(line))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  beforeAll(async () => {
    demo = new DemoProcess(['--rps', RPS]);
    await demo.until('first traffic on every hop', (line) => count(line, 'reviews-v2', 'ratings-v1') > 0, 90_000);
    routes = demo.read('routes.yaml');
  });

  afterAll(() => demo.dispose());

  it('speaks mTLS between the identities of the workloads', () => {
    const seen = hop(demo.last, 'productpage-v1', 'details-v1');
    expect(seen?.mtls).toBe(true);
    expect(seen?.sourceIdentity).toBe('spiffe://cluster.local/ns/default/sa/bookinfo-productpage');
    expect(seen?.destinationIdentity).toBe('spiffe://cluster.local/ns/default/sa/bookinfo-details');
  });

  it('speaks gRPC to details, and TCP to the database', async () => {
    await demo.until('the database', (line) => count(line, 'ratings-v1', DATABASE) > 0);
    expect(hop(demo.last, 'ratings-v1', DATABASE)?.mtls).toBe(true);
    const grpc = /^istio_requests_total\{.*reporter="source".*request_protocol="grpc".*grpc_response_status="0"/;
    const named = /destination_service="details\.default\.svc\.cluster\.local"/;
    const text = await getText(`${adminUrl(await findWorkload(demo.state, 'productpage-v1'))}/stats/prometheus`);
    expect(text.split('\n').filter((line) => grpc.test(line) && named.test(line))).not.toEqual([]);
    expect(
      await metric('ratings-db-v1', /^istio_tcp_connections_closed_total\{.*reporter="destination"/),
    ).toBeGreaterThan(0);
  });

  it('splits 90/10 with a route of its own for jason', async () => {
    const shares = reviewsShares(...(await sample(900)));
    // One visitor in ten is jason; the others are split 90/10.
    expect(shares['reviews-v1']).toBeGreaterThan(0.74);
    expect(shares['reviews-v1']).toBeLessThan(0.88);
    expect(shares['reviews-v2']).toBeGreaterThan(0.05);
    expect(shares['reviews-v2']).toBeLessThan(0.14);
    expect(shares['reviews-v3']).toBeGreaterThan(0.05);
    expect(shares['reviews-v3']).toBeLessThan(0.15);
  });

  it('splits 50/50 after an edit', async () => {
    demo.write('routes.yaml', routes.replace('weight: 90', 'weight: 50').replace('weight: 10', 'weight: 50'));
    const shares = reviewsShares(...(await sample(900)));
    expect(shares['reviews-v1']).toBeGreaterThan(0.37);
    expect(shares['reviews-v1']).toBeLessThan(0.53);
    expect(shares['reviews-v2']).toBeGreaterThan(0.37);
    expect(shares['reviews-v2']).toBeLessThan(0.53);
    demo.write('routes.yaml', routes);
  });

  it('keeps the last good state when a file is broken, and says what is wrong where', async () => {
    // The 90/10 of before is in force again, and so is what has to stay.
    expect(reviewsShares(...(await sample(200)))['reviews-v1']).toBeGreaterThan(0.6);
    const before = demo.last?.failures.unasked ?? 0;
    demo.write('routes.yaml', routes.replace('weight: 90', 'weight: ninety'));
    const line = await demo.until('the finding', (state) => state.findings.length > 0);
    expect(line.findings.join('\n')).toMatch(/routes\.yaml:\d+.*weight.*ninety/);
    const shares = reviewsShares(...(await sample(200)));
    expect(shares['reviews-v1']).toBeGreaterThan(0.6);
    demo.write('routes.yaml', routes);
    const mended = await demo.until('the finding gone', (state) => state.findings.length === 0);
    expect(mended.failures.unasked).toBe(before);
  });

  it('injects a fault and withdraws it', async () => {
    const fault =
      '      fault: { abort: { httpStatus: 503, percentage: { value: 50 } } }\n      route:\n        - destination: { host: reviews, subset: v1 }\n          weight: 90';
    demo.write(
      'routes.yaml',
      routes.replace('      route:\n        - destination: { host: reviews, subset: v1 }\n          weight: 90', fault),
    );
    const line = await demo.until('faults', (state) => state.failures.asked > 50);
    expect(line.failures.unasked).toBe(0);
    expect(
      await metric('productpage-v1', /^istio_requests_total\{.*response_code="503".*response_flags="FI"/),
    ).toBeGreaterThan(50);
    demo.write('routes.yaml', routes);
    const [from, to] = await sample(200);
    expect(to.failures.asked).toBe(from.failures.asked);
  });

  it('retries where the route says so, and only the last answer counts', async () => {
    const deny =
      'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: deny-v2, namespace: default }\nspec:\n  selector: { matchLabels: { app: reviews, version: v2 } }\n  action: DENY\n  rules: [{}]\n';
    const retrying =
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: reviews, namespace: default }\nspec:\n  hosts: [reviews]\n  http:\n    - retries: { attempts: 5, retryOn: "403" }\n      route: [{ destination: { host: reviews } }]\n---\n';
    const destinationRule = routes.slice(routes.indexOf('---\n') + 4);
    demo.write('routes.yaml', retrying + destinationRule);
    await sample(50);
    demo.write('deny.yaml', deny);
    const [from, to] = await sample(300);
    const refused = await metric('reviews-v2', /^istio_requests_total\{.*response_code="403"/);
    expect(refused).toBeGreaterThan(50);
    for (const name of REVIEWS)
      expect(count(to, 'productpage-v1', name, 403)).toBe(count(from, 'productpage-v1', name, 403));
    expect(count(to, 'productpage-v1', 'reviews-v1', 200)).toBeGreaterThan(
      count(from, 'productpage-v1', 'reviews-v1', 200) + 100,
    );
    demo.remove('deny.yaml');
    await sample(100);
    demo.write('routes.yaml', routes);
  });

  it('denies everything by an empty policy, and lets everything through again without it', async () => {
    demo.write(
      'deny.yaml',
      'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: deny-all, namespace: default }\nspec: {}\n',
    );
    const denied = await demo.until('denials', (line) => count(line, 'traffic', 'productpage-v1', 403) > 50);
    expect(denied.failures.unasked).toBe(0);
    demo.remove('deny.yaml');
    const [from, to] = await sample(200);
    expect(count(to, 'traffic', 'productpage-v1', 403)).toBe(count(from, 'traffic', 'productpage-v1', 403));
  });

  it('goes on under STRICT', async () => {
    const security = demo.read('security.yaml');
    demo.write('security.yaml', security.replace('mode: PERMISSIVE', 'mode: STRICT'));
    const [, to] = await sample(300);
    expect(to.failures.unasked).toBe(0);
    demo.write('security.yaml', security);
  });

  it('breaks the circuit when the limit is reached', async () => {
    const limit =
      '  trafficPolicy:\n    connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1, http2MaxRequests: 1 } }\n  subsets:';
    demo.write('routes.yaml', routes.replace('  subsets:', limit));
    const asked = demo.last?.failures.asked ?? 0;
    const line = await demo.until('overflow', (state) => state.failures.asked > asked + 5);
    expect(line.failures.unasked).toBe(0);
    demo.write('routes.yaml', routes);
    const [from, to] = await sample(200);
    expect(to.failures.asked).toBe(from.failures.asked);
  });

  it('ends with exit code 0, because nothing failed that was not asked for', async () => {
    expect(await demo.stop()).toBe(0);
  });
});
