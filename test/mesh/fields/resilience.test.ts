import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, all, FieldMesh, routes, rule, serviceOf } from '../../support/field-mesh.js';

const mesh = new FieldMesh();
beforeAll(() =>
  mesh.start(
    [
      { name: 'client', labels: { app: 'client' } },
      { name: 'shop-v1', labels: { app: 'shop', version: 'v1' } },
      { name: 'shop-v2', labels: { app: 'shop', version: 'v2' } },
      { name: 'shop-v3', labels: { app: 'shop', version: 'v3' } },
      { name: 'cart', labels: { app: 'cart' } },
    ],
    { 'services.yaml': all(serviceOf('shop'), serviceOf('cart')) },
  ),
);
afterAll(() => mesh.dispose());

/** What is not waited for takes longer than what must have ended by then: neither is near what it takes, ms. */
const NEVER = '20000';
const SOON = 10_000;

const CART = 'route: [{destination: {host: cart}}]';
const SHOP = 'route: [{destination: {host: shop}}]';
const cart = (fields: string): string => routes(`[{${CART}, ${fields}}]`, 'cart');
const policy = (fields: string, host = 'cart'): string => rule(`trafficPolicy: {${fields}}`, host);

/** How often the application saw the request, and what came back. */
async function tries(headers: Readonly<Record<string, string>>): Promise<{ answer: Answer; count: number }> {
  const { seen } = mesh.app('cart');
  seen.length = 0;
  const answer = await mesh.call({ host: 'cart', headers });
  return { answer, count: seen.length };
}

describe('timeout', () => {
  it('ends a slow request with 504', async () => {
    await mesh.apply(cart('timeout: 100ms'));
    const slow = await mesh.call({ host: 'cart', headers: { 'x-delay': NEVER } });
    expect([slow.status, slow.body]).toEqual([504, 'upstream request timeout']);
    expect(slow.tookMs).toBeGreaterThan(95);
    expect(slow.tookMs).toBeLessThan(SOON);
    expect((await mesh.call({ host: 'cart' })).status).toBe(200);
  });

  it('spans all tries', async () => {
    await mesh.apply(cart('timeout: 300ms, retries: {attempts: 10, perTryTimeout: 100ms, retryOn: 5xx}'));
    const slow = await mesh.call({ host: 'cart', headers: { 'x-delay': NEVER } });
    expect(slow.status).toBe(504);
    expect(slow.tookMs).toBeGreaterThan(295);
    expect(slow.tookMs).toBeLessThan(SOON);
  });
});

/** Retries, headers of the request, status of the answer, tries. */
const RETRIES: readonly [retries: string, headers: Readonly<Record<string, string>>, status: number, tries: number][] =
  [
    ['attempts: 3, retryOn: 5xx', { 'x-fail-first': '2' }, 200, 3],
    ['attempts: 1, retryOn: 5xx', { 'x-fail-first': '2' }, 503, 2],
    ['attempts: 0', { 'x-fail-first': '1' }, 503, 1],
    ['attempts: 3, retryOn: connect-failure', { 'x-fail-first': '1' }, 503, 1],
    ['attempts: 3, retryOn: "503,429"', { 'x-fail-first': '1', 'x-status': '429' }, 200, 2],
    ['attempts: 3, retryOn: "429"', { 'x-fail-first': '1', 'x-status': '500' }, 500, 1],
    ['attempts: 3, retryOn: "retriable-status-codes,418"', { 'x-fail-first': '1', 'x-status': '418' }, 200, 2],
    ['attempts: 2, retryOn: gateway-error', { 'x-fail-first': '1', 'x-status': '502' }, 200, 2],
    ['attempts: 2, retryOn: gateway-error', { 'x-fail-first': '1', 'x-status': '500' }, 500, 1],
    ['attempts: 2, retryOn: retriable-4xx', { 'x-fail-first': '1', 'x-status': '409' }, 200, 2],
    // Istio's default conditions leave an application's own 503 alone.
    ['attempts: 2', { 'x-fail-first': '1' }, 503, 1],
  ];

describe('retries', () => {
  it.each(RETRIES)('{%s} for %j: %i after %i tries', async (retries, headers, status, count) => {
    await mesh.apply(cart(`retries: {${retries}}`));
    const result = await tries(headers);
    expect([result.answer.status, result.count]).toEqual([status, count]);
  });

  it('start again after perTryTimeout', async () => {
    await mesh.apply(cart('retries: {attempts: 2, perTryTimeout: 100ms, retryOn: "gateway-error,reset"}'));
    const { answer, count } = await tries({ 'x-delay': NEVER });
    expect([answer.status, count]).toEqual([504, 3]);
    expect(answer.tookMs).toBeGreaterThan(290);
    expect(answer.tookMs).toBeLessThan(SOON);
  });

  it('wait for backoff', async () => {
    await mesh.apply(cart('retries: {attempts: 3, retryOn: 5xx, backoff: 500ms}'));
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => mesh.call({ host: 'cart', headers: { 'x-fail-first': '3' } })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const longest = Math.max(...answers.map(({ tookMs }) => tookMs));
    // Jitter makes each wait anything down to nothing, but not all of twelve; the default's three are 175 ms at most.
    expect(longest).toBeGreaterThan(200);
    expect(longest).toBeLessThan(SOON);
  });

  it('go to another host', async () => {
    await mesh.apply(
      all(
        routes(`[{${SHOP}, retries: {attempts: 3, retryOn: 5xx}}]`),
        policy('loadBalancer: {simple: ROUND_ROBIN}', 'shop'),
      ),
    );
    const shares = await mesh.shares(60, { host: 'shop', headers: { 'x-status-of': 'shop-v1=503' } });
    expect(shares['503']).toBeUndefined();
    expect((shares['shop-v2'] ?? 0) + (shares['shop-v3'] ?? 0)).toBe(60);
  });
});

describe('fault', () => {
  it('delays', async () => {
    await mesh.apply(cart('fault: {delay: {fixedDelay: 200ms, percentage: {value: 100}}}'));
    const answer = await mesh.call({ host: 'cart' });
    expect(answer.status).toBe(200);
    expect(answer.tookMs).toBeGreaterThan(195);
  });

  it('aborts', async () => {
    await mesh.apply(cart('fault: {abort: {httpStatus: 555, percentage: {value: 100}}}'));
    const { answer, count } = await tries({});
    expect([answer.status, answer.body, count]).toEqual([555, 'fault filter abort', 0]);
  });

  it('delays, then aborts', async () => {
    await mesh.apply(
      cart(
        'fault: {delay: {fixedDelay: 100ms, percentage: {value: 100}}, abort: {httpStatus: 400, percentage: {value: 100}}}',
      ),
    );
    const answer = await mesh.call({ host: 'cart' });
    expect(answer.status).toBe(400);
    expect(answer.tookMs).toBeGreaterThan(95);
  });

  it.each([
    ['abort: {httpStatus: 500}', 0],
    ['abort: {httpStatus: 500, percentage: {value: 0}}', 0],
    ['abort: {httpStatus: 500, percentage: {value: 20}}', 0.2],
    ['abort: {httpStatus: 500, percentage: {value: 0.5}}', 0.005],
  ])('{%s} fails a share of %d', async (fault, share) => {
    await mesh.apply(cart(`fault: {${fault}}`));
    const found = await mesh.shares(400, { host: 'cart' });
    // Six standard deviations: of the rarest share four would be left in one run of a thousand.
    const tolerance = 6 * Math.sqrt((share * (1 - share)) / 400);
    expect(Math.abs((found['500'] ?? 0) / 400 - share)).toBeLessThanOrEqual(tolerance);
  });

  it('is not retried', async () => {
    await mesh.apply(
      cart('fault: {abort: {httpStatus: 503, percentage: {value: 100}}}, retries: {attempts: 5, retryOn: 5xx}'),
    );
    const { answer, count } = await tries({});
    expect([answer.status, count]).toEqual([503, 0]);
  });
});

describe('loadBalancer', () => {
  it('ROUND_ROBIN gives each the same', async () => {
    await mesh.apply(policy('loadBalancer: {simple: ROUND_ROBIN}', 'shop'));
    const counts = Object.values(await mesh.shares(120, { host: 'shop' }));
    expect(counts).toEqual([40, 40, 40]);
  });

  it.each(['RANDOM', 'LEAST_REQUEST', 'LEAST_CONN'])('%s uses every host', async (simple) => {
    await mesh.apply(policy(`loadBalancer: {simple: ${simple}}`, 'shop'));
    const counts = Object.values(await mesh.shares(150, { host: 'shop' }));
    expect(counts).toHaveLength(3);
    expect(Math.min(...counts)).toBeGreaterThan(15);
  });

  it('LEAST_REQUEST avoids busy hosts', async () => {
    await mesh.apply(policy('loadBalancer: {simple: LEAST_REQUEST}', 'shop'));
    const busy = Promise.all(
      Array.from({ length: 9 }, () => mesh.call({ host: 'shop', headers: { 'x-delay': '500' } })),
    );
    const counts: Record<string, number> = {};
    for (const { seen } of await busy) counts[seen?.name ?? ''] = (counts[seen?.name ?? ''] ?? 0) + 1;
    // At random nine requests would often put seven or more on one of three.
    expect(Math.max(...Object.values(counts))).toBeLessThanOrEqual(6);
  });

  const HASHES: readonly [hash: string, request: (i: number) => object, spreads: boolean][] = [
    ['httpHeaderName: x-user', (i) => ({ headers: { 'x-user': `u${i}` } }), true],
    ['httpQueryParameterName: u', (i) => ({ path: `/?u=${i}` }), true],
    ['httpCookie: {name: user, ttl: 0s}', (i) => ({ headers: { cookie: `a=b; user=${i}` } }), true],
    ['useSourceIp: true', (i) => ({ path: `/${i}`, fresh: true }), false],
    ['httpHeaderName: x-user, maglev: {tableSize: 1021}', (i) => ({ headers: { 'x-user': `u${i}` } }), true],
    ['httpHeaderName: x-user, ringHash: {minimumRingSize: 64}', (i) => ({ headers: { 'x-user': `u${i}` } }), true],
  ];
  it.each(HASHES)('consistentHash {%s} sends one key to one host', async (hash, request, spreads) => {
    await mesh.apply(policy(`loadBalancer: {consistentHash: {${hash}}}`, 'shop'));
    const hosts = await Promise.all(
      // By chance one of three is left out by so many keys in one run of ten million.
      Array.from({ length: 40 }, async (_, i) => {
        const answers = await Promise.all([1, 2, 3].map(() => mesh.call({ host: 'shop', ...request(i) })));
        const names = new Set(answers.map(({ seen }) => seen?.name));
        expect(names.size).toBe(1);
        return [...names][0];
      }),
    );
    expect(new Set(hosts).size).toBe(spreads ? 3 : 1);
  });

  it('consistentHash makes the cookie that it asks for', async () => {
    await mesh.apply(policy('loadBalancer: {consistentHash: {httpCookie: {name: user, path: /p, ttl: 60s}}}', 'shop'));
    const { headers, seen } = await mesh.call({ host: 'shop' });
    const cookie = headers['set-cookie'] ?? '';
    expect(cookie).toMatch(/^user="?[0-9a-f]+"?; Max-Age=60; Path=\/p; HttpOnly$/);
    const value = cookie.split(';')[0] ?? '';
    const again = await mesh.shares(20, { host: 'shop', headers: { cookie: value } });
    expect(again).toEqual({ [seen?.name ?? '']: 20 });
  });
});

describe('connectionPool', () => {
  const burst = async (count: number): Promise<Answer[]> =>
    Promise.all(Array.from({ length: count }, () => mesh.call({ host: 'cart', headers: { 'x-delay': '200' } })));

  it.each([
    ['tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}', 4],
    ['http: {http2MaxRequests: 2}', 4],
  ])('{%s} turns the overflow away', async (pool, count) => {
    await mesh.apply(policy(`connectionPool: {${pool}}`));
    // With a connection that is there the first of the burst does not have to wait.
    await mesh.call({ host: 'cart' });
    const answers = await burst(count);
    const overflow = answers.filter(({ status }) => status === 503);
    expect(overflow).toHaveLength(2);
    for (const { body, headers } of overflow) {
      expect(headers['x-envoy-overloaded']).toBe('true');
      expect(body).toContain('upstream connect error or disconnect/reset before headers. reset reason: overflow');
    }
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2);
  });

  it('without limits takes all', async () => {
    await mesh.apply(policy('connectionPool: {tcp: {connectTimeout: 1s}}'));
    expect((await burst(12)).every(({ status }) => status === 200)).toBe(true);
  });

  it('maxRequestsPerConnection closes connections', async () => {
    await mesh.apply(policy('connectionPool: {http: {maxRequestsPerConnection: 1}}'));
    expect(await mesh.shares(20, { host: 'cart' })).toEqual({ cart: 20 });
  });

  it('maxRetries limits retries under way', async () => {
    await mesh.apply(
      all(
        policy('connectionPool: {http: {maxRetries: 1}}'),
        cart('retries: {attempts: 1, perTryTimeout: 150ms, retryOn: 5xx, backoff: 1ms}'),
      ),
    );
    const { seen } = mesh.app('cart');
    seen.length = 0;
    await Promise.all(Array.from({ length: 4 }, () => mesh.call({ host: 'cart', headers: { 'x-delay': '1000' } })));
    expect(seen).toHaveLength(5);
  });

  it('connectTimeout ends a connection attempt', async () => {
    await mesh.apply(
      all(
        `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: nowhere}
spec: {hosts: [nowhere.test], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 192.0.2.1}]}
`,
        routes('[{route: [{destination: {host: nowhere.test}}], retries: {attempts: 0}}]', 'nowhere.test'),
        policy('connectionPool: {tcp: {connectTimeout: 100ms}}', 'nowhere.test'),
      ),
    );
    const answer = await mesh.call({ host: 'nowhere.test' });
    expect(answer.status).toBe(503);
    // Without the setting it is ten seconds.
    expect(answer.tookMs).toBeLessThan(9_000);
  });
});

describe('outlierDetection', () => {
  const failing = { host: 'shop', headers: { 'x-status-of': 'shop-v1=500' } };
  const noRetry = routes(`[{${SHOP}, retries: {attempts: 0}}]`);
  const outlier = (fields: string): string =>
    policy(`loadBalancer: {simple: ROUND_ROBIN}, outlierDetection: {${fields}}`, 'shop');

  it('ejects a host after consecutive5xxErrors, and takes it back', async () => {
    await mesh.apply(
      all(
        noRetry,
        outlier('consecutive5xxErrors: 3, interval: 200ms, baseEjectionTime: 500ms, maxEjectionPercent: 100'),
      ),
    );
    const first = await mesh.shares(60, failing);
    expect(first['shop-v1'] ?? 0).toBeGreaterThanOrEqual(3);
    const ejected = await mesh.shares(30, { host: 'shop' });
    expect(ejected['shop-v1']).toBeUndefined();
    await mesh.mesh.until('the host to come back', async () => {
      if ((await mesh.shares(6, { host: 'shop' }))['shop-v1'] === undefined) throw new Error('still ejected');
    });
  });

  it('counts gateway errors by consecutiveGatewayErrors alone', async () => {
    await mesh.apply(
      all(
        noRetry,
        outlier('consecutiveGatewayErrors: 3, consecutive5xxErrors: 0, baseEjectionTime: 60s, maxEjectionPercent: 100'),
      ),
    );
    await mesh.shares(60, failing);
    expect((await mesh.shares(30, { host: 'shop' }))['shop-v1']).toBe(10);
    await mesh.shares(60, { host: 'shop', headers: { 'x-status-of': 'shop-v1=502' } });
    expect((await mesh.shares(30, { host: 'shop' }))['shop-v1']).toBeUndefined();
  });

  it('ejects none where maxEjectionPercent leaves no room', async () => {
    await mesh.apply('');
    await mesh.apply(all(noRetry, outlier('consecutive5xxErrors: 3, baseEjectionTime: 60s, maxEjectionPercent: 10')));
    await mesh.shares(60, failing);
    expect((await mesh.shares(30, { host: 'shop' }))['shop-v1']).toBe(10);
  });
});
