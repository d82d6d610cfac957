import { expect, it } from 'vitest';
import { ask, share, type Tally } from './calls.js';
import { apply, kubectl, MESH, onePod, page, remove, until } from './cluster.js';

const URL = 'http://reviews:9080/reviews/0';

/** A VirtualService of reviews; `http` is the list of its routes. */
function routes(http: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http: ${http}
`;
}

function split(v1: number, v2: number, more = ''): string {
  return routes(`
    - match: [{headers: {end-user: {exact: jason}}}]
      route: [{destination: {host: reviews, subset: v3}}]
    - ${more}
      route:
        - {destination: {host: reviews, subset: v1}, weight: ${v1}}
        - {destination: {host: reviews, subset: v2}, weight: ${v2}}`);
}

function destinationRule(policy: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  ${policy}
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}}
    - {name: v3, labels: {version: v3}}
`;
}

function policy(name: string, spec: string): string {
  return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}}
spec: ${spec}
`;
}

/** Asks until the answers are as they should be. */
function answers(what: string, good: (tally: Tally) => boolean, count = 60, headers = {}): Promise<Tally> {
  let last: Tally | undefined;
  return until(what, async () => {
    last = await ask({ url: URL, count, headers });
    return good(last) && last;
  }).catch((error: unknown) => {
    throw new Error(`${String(error)} Last seen: ${JSON.stringify(last)}`);
  });
}

const between = (value: number, low: number, high: number): boolean => value > low && value < high;

/** What the demo on one machine shows, by kubectl apply. */
export function shapes(): void {
  it('spreads requests over all versions while nothing is said', async () => {
    await answers('all three', (tally) => ['v1', 'v2', 'v3'].every((v) => share(tally, new RegExp(v)) > 0.15));
  });

  it('splits 90/10, then 50/50', async () => {
    await apply(split(90, 10));
    const v1 = (tally: Tally): number => share(tally, /^200 reviews-v1/);
    const v2 = (tally: Tally): number => share(tally, /^200 reviews-v2/);
    await answers('90/10', (tally) => between(v1(tally), 0.82, 0.97) && v1(tally) + v2(tally) === 1, 300);
    await apply(split(50, 50));
    await answers('50/50', (tally) => between(v1(tally), 0.4, 0.6) && v1(tally) + v2(tally) === 1, 300);
  });

  it('sends jason to a version of his own', async () => {
    await answers('v3', (tally) => share(tally, /^200 reviews-v3/) === 1, 20, { 'end-user': 'jason' });
  });

  it('says in kubectl get what it did with the object', async () => {
    const columns = await kubectl('get', 'vs', '-n', MESH, 'reviews');
    expect(columns).toMatch(/reviews\s+\["reviews"\]/);
    await kubectl('wait', '-n', MESH, 'vs/reviews', '--for=condition=Programmed', '--timeout=30s');
  });

  it('refuses an object with a fault in itself, and names the field', async () => {
    const wrong = routes('[{route: [{destination: {host: reviews}}], retries: {attempts: -1}}]');
    await expect(apply(wrong)).rejects.toThrow(/attempts/);
    await answers('what was in force', (tally) => share(tally, /^200 reviews-v[12]/) === 1, 20);
  });

  it('injects faults, and stops', async () => {
    await apply(split(50, 50, 'fault: {abort: {httpStatus: 503, percentage: {value: 50}}}'));
    await answers('half of them', (tally) => between(share(tally, /^503/), 0.3, 0.7), 100);
    await apply(split(50, 50));
    await answers('none', (tally) => share(tally, /^200/) === 1, 50);
  });

  it('retries what one version refuses', async () => {
    await apply(routes('[{route: [{destination: {host: reviews}}], retries: {attempts: 5, retryOn: "403"}}]'));
    const deny = policy('deny-v2', '{selector: {matchLabels: {app: reviews, version: v2}}, action: DENY, rules: [{}]}');
    await apply(deny);
    const pod = await onePod('app=reviews,version=v2');
    await until('refusals that nobody sees', async () => {
      const tally = await ask({ url: URL, count: 60 });
      const metrics = await page(MESH, pod.metadata.name, 'istio-proxy', 'http://127.0.0.1:15020/stats/prometheus');
      return share(tally, /^200 reviews-v[13]/) === 1 && /^istio_requests_total\{.*response_code="403"/m.test(metrics);
    });
    await remove(deny);
    await answers('v2 again', (tally) => share(tally, /^200 reviews-v2/) > 0.1);
  });

  it('breaks the circuit at the limit', async () => {
    const limits =
      'connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1, http2MaxRequests: 1}}';
    await apply(routes('[{route: [{destination: {host: reviews}}], retries: {attempts: 0}}]'));
    await apply(destinationRule(`trafficPolicy: {${limits}}`));
    await until('overflow', async () => share(await ask({ url: URL, count: 100, concurrency: 20 }), /^503/) > 0.2);
    await apply(destinationRule(''));
    await until('none', async () => share(await ask({ url: URL, count: 100, concurrency: 20 }), /^200/) === 1);
    await kubectl('delete', '-n', MESH, 'vs/reviews');
  });

  it('denies everything by an empty policy, and lets everything through again', async () => {
    const deny = policy('deny-all', '{}');
    await apply(deny);
    await answers('denial', (tally) => share(tally, /^403/) === 1, 20);
    await remove(deny);
    await answers('the way back', (tally) => share(tally, /^200/) === 1, 20);
  });
}
