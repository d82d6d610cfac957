import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Seen } from '../../support/echo-app.js';
import { all, FieldMesh, routes, rule, SUBSETS, serviceOf } from '../../support/field-mesh.js';

const mesh = new FieldMesh();
beforeAll(() =>
  mesh.start(
    [
      { name: 'client', labels: { app: 'client' } },
      { name: 'shop-v1', labels: { app: 'shop', version: 'v1' } },
      { name: 'shop-v2', labels: { app: 'shop', version: 'v2' } },
      { name: 'cart', labels: { app: 'cart' } },
    ],
    { 'services.yaml': all(serviceOf('shop'), serviceOf('cart')) },
  ),
);
afterAll(() => mesh.dispose());

const V1 = '{destination: {host: shop, subset: v1}}';
const V2 = '{destination: {host: shop, subset: v2}}';

/** Weights of v1 and v2 as written, and the share of v1 that follows. */
const WEIGHTS: readonly [v1: string, v2: string, share: number][] = [
  ['weight: 90', 'weight: 10', 0.9],
  ['weight: 1', 'weight: 1', 0.5],
  ['weight: 30', 'weight: 60', 1 / 3],
  ['weight: 0', 'weight: 100', 0],
  ['weight: 100', '', 1],
];

describe('weights and subsets', () => {
  it.each(WEIGHTS)('%s and %s', async (v1, v2, share) => {
    const part = (subset: string, weight: string): string =>
      `{destination: {host: shop, subset: ${subset}}${weight === '' ? '' : `, ${weight}`}}`;
    await mesh.apply(all(SUBSETS, routes(`[{route: [${part('v1', v1)}, ${part('v2', v2)}]}]`)));
    const found = await mesh.shares(400, { host: 'shop' });
    // Four standard deviations of 400 draws.
    const tolerance = 4 * Math.sqrt((share * (1 - share)) / 400);
    expect(Math.abs((found['shop-v1'] ?? 0) / 400 - share)).toBeLessThanOrEqual(tolerance);
    expect((found['shop-v1'] ?? 0) + (found['shop-v2'] ?? 0)).toBe(400);
  });

  it('sends to another service, whichever was asked for', async () => {
    await mesh.apply(routes('[{route: [{destination: {host: cart.default.svc.cluster.local, port: {number: 80}}}]}]'));
    const { seen } = await mesh.call({ host: 'shop' });
    expect(seen).toMatchObject({ name: 'cart', headers: { host: 'shop' } });
  });

  it.each([
    ['a host that is not there', '{destination: {host: nobody}}', 'host'],
    ['a subset that is not there', '{destination: {host: shop, subset: v9}}', 'subset'],
  ])('answers 503 for %s, and says so', async (_, destination, field) => {
    await mesh.apply(all(SUBSETS, routes(`[{route: [${destination}]}]`)));
    expect((await mesh.call({ host: 'shop' })).status).toBe(503);
    const found = await mesh.findings();
    expect(found).toMatchObject([{ level: 'error', field: `spec.http[0].route[0].destination.${field}` }]);
  });

  it('answers 503 for a subset without workloads', async () => {
    const empty = rule('subsets: [{name: v9, labels: {version: v9}}]');
    await mesh.apply(all(empty, routes('[{route: [{destination: {host: shop, subset: v9}}]}]')));
    const { status, body } = await mesh.call({ host: 'shop' });
    expect([status, body]).toEqual([503, 'no healthy upstream']);
  });
});

/** Redirect, the request's path, and status and Location of the answer. */
const REDIRECTS: readonly [redirect: string, path: string, status: number, location: string][] = [
  ['uri: /new', '/old?x=1', 301, 'http://shop/new?x=1'],
  ['authority: www.example.com', '/a?b', 301, 'http://www.example.com/a?b'],
  ['uri: /x, redirectCode: 302', '/a', 302, 'http://shop/x'],
  ['uri: /x, redirectCode: 303', '/a', 303, 'http://shop/x'],
  ['uri: /x, redirectCode: 307', '/a', 307, 'http://shop/x'],
  ['uri: /x, redirectCode: 308', '/a', 308, 'http://shop/x'],
  ['scheme: https', '/a', 301, 'https://shop/a'],
  ['scheme: https, port: 8443', '/a', 301, 'https://shop:8443/a'],
  ['prefixRewrite: /new', '/old/a', 301, 'http://shop/new/a'],
];

describe('redirect', () => {
  it.each(REDIRECTS)('{%s} of %s: %i %s', async (redirect, path, status, location) => {
    await mesh.apply(routes(`[{match: [{uri: {prefix: /old}}, {uri: {prefix: /}}], redirect: {${redirect}}}]`));
    const answer = await mesh.call({ host: 'shop', path });
    expect([answer.status, answer.headers['location']]).toEqual([status, location]);
  });
});

/** Match, rewrite, path as sent, path and host as the application sees them. */
const REWRITES: readonly [match: string, rewrite: string, path: string, seen: string, host: string][] = [
  ['uri: {prefix: /old}', 'uri: /new', '/old/a?b', '/new/a?b', 'shop'],
  ['uri: {prefix: /old/}', 'uri: /', '/old/a', '/a', 'shop'],
  ['uri: {exact: /old}', 'uri: /new/one', '/old', '/new/one', 'shop'],
  ['uri: {prefix: /}', 'authority: api.example.com', '/a', '/a', 'api.example.com'],
  ['uri: {prefix: /old}', 'uri: /new, authority: b', '/old', '/new', 'b'],
  [
    'uri: {prefix: /}',
    'uriRegexRewrite: {match: "/v([0-9])/(.*)", rewrite: "/\\\\2/\\\\1"}',
    '/v2/a?b',
    '/a/2?b',
    'shop',
  ],
];

describe('rewrite', () => {
  it.each(REWRITES)('{%s} {%s} of %s', async (match, rewrite, path, seenPath, host) => {
    await mesh.apply(routes(`[{match: [{${match}}], rewrite: {${rewrite}}, route: [{destination: {host: cart}}]}]`));
    const { seen } = await mesh.call({ host: 'shop', path });
    expect(seen).toMatchObject({ path: seenPath, headers: { host } });
    expect(seen?.headers['x-envoy-original-path']).toBe(path === seenPath ? undefined : path);
  });
});

describe('headers', () => {
  const sent = { 'x-old': 'client', 'x-gone': 'client', 'x-more': 'client' };

  it('are set, added and removed on requests of a route', async () => {
    const headers = 'headers: {request: {set: {x-old: mesh, x-new: mesh}, add: {x-more: mesh}, remove: [x-gone]}}';
    await mesh.apply(routes(`[{${headers}, route: [{destination: {host: cart}}]}]`));
    const { seen } = await mesh.call({ host: 'shop', headers: sent });
    expect(seen?.headers).toMatchObject({
      'x-old': 'mesh',
      'x-new': 'mesh',
      'x-more': expect.stringMatching(/^client, ?mesh$/),
    });
    expect(seen?.headers['x-gone']).toBeUndefined();
  });

  it('are set, added and removed on answers of a route', async () => {
    const headers =
      'headers: {response: {set: {x-from: mesh, content-type: text/plain}, add: {x-more: mesh}, remove: [x-secret]}}';
    await mesh.apply(routes(`[{${headers}, route: [{destination: {host: cart}}]}]`));
    const answer = await mesh.call({ host: 'shop' });
    expect(answer.headers).toMatchObject({ 'x-from': 'mesh', 'content-type': 'text/plain', 'x-more': 'mesh' });
    expect(answer.headers['x-secret']).toBeUndefined();
  });

  it('are changed per destination, after those of the route', async () => {
    const of = (name: string): string =>
      `headers: {request: {set: {x-to: ${name}}, add: {x-more: ${name}}, remove: [x-gone]}, response: {set: {x-was: ${name}}, remove: [x-secret]}}`;
    await mesh.apply(
      all(
        SUBSETS,
        routes(`[{headers: {request: {add: {x-more: route}}, response: {set: {x-route: "yes"}}}, route: [
          {destination: {host: shop, subset: v1}, weight: 50, ${of('one')}},
          {destination: {host: shop, subset: v2}, weight: 50, ${of('two')}}]}]`),
      ),
    );
    const names = new Set<string>();
    for (let i = 0; i < 30 && names.size < 2; i++) {
      const { seen, headers } = await mesh.call({ host: 'shop', headers: sent });
      const name = seen?.name === 'shop-v1' ? 'one' : 'two';
      names.add(name);
      expect(headers).toMatchObject({ 'x-was': name, 'x-route': 'yes' });
      expect(headers['x-secret']).toBeUndefined();
      expect(seen?.headers['x-to']).toBe(name);
      expect(seen?.headers['x-gone']).toBeUndefined();
      expect(new Set(seen?.headers['x-more']?.split(/, ?/))).toEqual(new Set(['client', 'route', name]));
    }
    expect(names.size).toBe(2);
  });

  it.each([
    ['route', '[{headers: {request: {set: {Host: b.example.com}}}, route: [{destination: {host: cart}}]}]'],
    [
      'destination',
      '[{route: [{destination: {host: cart}, headers: {request: {set: {":authority": b.example.com}}}}]}]',
    ],
  ])('of a %s may set the authority', async (_, http) => {
    await mesh.apply(routes(http));
    expect((await mesh.call({ host: 'shop' })).seen?.headers['host']).toBe('b.example.com');
  });
});

describe('mirror', () => {
  const mirrored = async (http: string, count: number, expected: number): Promise<number> => {
    await mesh.apply(routes(http));
    const { seen } = mesh.app('cart');
    seen.length = 0;
    const shares = await mesh.shares(count, { host: 'shop', path: '/m' });
    expect((shares['shop-v1'] ?? 0) + (shares['shop-v2'] ?? 0)).toBe(count);
    const arrived = (): Seen[] => seen.filter(({ path }) => path === '/m');
    // What is mirrored may come after the answer.
    await mesh.mesh.until('the mirrored requests', async () => {
      const before = arrived().length;
      await mesh.call({ host: 'cart' });
      if (before < expected || arrived().length !== before) throw new Error('still coming');
    });
    expect(arrived().every(({ headers }) => headers['host'] === 'shop-shadow')).toBe(true);
    return arrived().length;
  };

  const route = 'route: [{destination: {host: shop}}]';
  it.each([
    ['everything unless told otherwise', `[{${route}, mirror: {host: cart}}]`, 40, 40],
    ['mirrorPercentage 100', `[{${route}, mirror: {host: cart}, mirrorPercentage: {value: 100}}]`, 40, 40],
    ['mirrorPercentage 0', `[{${route}, mirror: {host: cart}, mirrorPercentage: {value: 0}}]`, 20, 0],
    ['mirrors', `[{${route}, mirrors: [{destination: {host: cart}}]}]`, 40, 40],
  ])('%s', async (_, http, count, expected) => {
    expect(await mirrored(http, count, expected)).toBe(expected);
  });

  it('a percentage', async () => {
    const count = await mirrored(`[{${route}, mirror: {host: cart}, mirrorPercentage: {value: 25.5}}]`, 400, 60);
    expect(Math.abs(count / 400 - 0.255)).toBeLessThan(4 * Math.sqrt((0.255 * 0.745) / 400));
  });

  it('what the mirror does is nobody’s business', async () => {
    await mesh.apply(routes(`[{${route}, mirror: {host: cart}}]`));
    const headers = { 'x-status-of': 'cart=500' };
    expect((await mesh.call({ host: 'shop', headers })).status).toBe(200);
  });
});

describe('directResponse', () => {
  it.each([
    ['status: 418', 418, ''],
    ['status: 200, body: {string: hello}', 200, 'hello'],
    ['status: 503, body: {bytes: aGVsbG8=}', 503, 'hello'],
  ])('{%s}', async (response, status, body) => {
    await mesh.apply(routes(`[{headers: {response: {set: {x-own: "1"}}}, directResponse: {${response}}}]`));
    const answer = await mesh.call({ host: 'shop' });
    expect([answer.status, answer.body, answer.headers['x-own']]).toEqual([status, body, '1']);
  });
});

it('names the subset in the cluster, for metrics and logs', async () => {
  await mesh.apply(all(SUBSETS, routes(`[{route: [${V1}], match: [{uri: {prefix: /1}}]}, {route: [${V2}]}]`)));
  expect(await mesh.shares(20, { host: 'shop', path: '/1' })).toEqual({ 'shop-v1': 20 });
  expect(await mesh.shares(20, { host: 'shop', path: '/2' })).toEqual({ 'shop-v2': 20 });
});
