import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { all, type Call, FieldMesh, meshConfig, routes } from '../../support/field-mesh.js';

const SHOP = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: shop}
spec:
  hosts: [shop.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 8080, name: alt, protocol: HTTP, targetPort: 80}]
  workloadSelector: {labels: {app: shop}}
`;

const mesh = new FieldMesh();
beforeAll(() =>
  mesh.start(
    [
      { name: 'client', labels: { app: 'client', tier: 'front' } },
      { name: 'other', namespace: 'other', labels: { app: 'other' } },
      { name: 'shop-v1', labels: { app: 'shop', version: 'v1' } },
      { name: 'shop-v2', labels: { app: 'shop', version: 'v2' } },
    ],
    { 'services.yaml': SHOP, 'mesh.yaml': meshConfig('outboundTrafficPolicy: {mode: REGISTRY_ONLY}') },
  ),
);
afterAll(() => mesh.dispose());

/** A route that answers 201 where the match is met, and 202 where it is not. */
function probe(match: string): string {
  return routes(`[{match: [${match}], directResponse: {status: 201}}, {directResponse: {status: 202}}]`);
}

type Request = Partial<Call>;

/** Match, requests that meet it, requests that do not. */
const MATCHES: readonly [match: string, meet: readonly Request[], miss: readonly Request[]][] = [
  ['{uri: {exact: /a}}', [{ path: '/a' }, { path: '/a?x=1' }], [{ path: '/a/' }, { path: '/A' }, { path: '/ab' }]],
  ['{uri: {prefix: /a}}', [{ path: '/a' }, { path: '/ab/c?d' }], [{ path: '/' }, { path: '/b/a' }]],
  ['{uri: {regex: "/a/[0-9]+"}}', [{ path: '/a/12' }, { path: '/a/1?q' }], [{ path: '/a/12/b' }, { path: '/x/a/12' }]],
  ['{uri: {prefix: /a}, ignoreUriCase: true}', [{ path: '/A/b' }, { path: '/a' }], [{ path: '/b' }]],
  ['{uri: {exact: /a}, ignoreUriCase: true}', [{ path: '/A' }], [{ path: '/Ab' }]],
  ['{method: {exact: PUT}}', [{ method: 'PUT' }], [{ method: 'GET' }]],
  ['{method: {prefix: P}}', [{ method: 'PUT' }, { method: 'POST' }], [{ method: 'GET' }]],
  ['{method: {regex: "GET|HEAD"}}', [{ method: 'GET' }, { method: 'HEAD' }], [{ method: 'PUT' }]],
  ['{authority: {exact: shop}}', [{ host: 'shop' }], [{ host: 'shop:80' }, { host: 'shop.default' }]],
  ['{authority: {prefix: shop.}}', [{ host: 'shop.default' }], [{ host: 'shop' }]],
  ['{authority: {regex: "shop\\\\.default.*"}}', [{ host: 'shop.default.svc.cluster.local' }], [{ host: 'shop' }]],
  ['{port: 8080}', [{ host: 'shop:8080' }], [{ host: 'shop' }, { host: 'shop:80' }]],
  ['{headers: {x-a: {exact: b}}}', [{ headers: { 'X-A': 'b' } }], [{}, { headers: { 'x-a': 'B' } }]],
  ['{headers: {x-a: {prefix: b}}}', [{ headers: { 'x-a': 'bc' } }], [{ headers: { 'x-a': 'cb' } }]],
  ['{headers: {x-a: {regex: "b+"}}}', [{ headers: { 'x-a': 'bbb' } }], [{ headers: { 'x-a': 'bbc' } }]],
  ['{headers: {x-a: {}}}', [{ headers: { 'x-a': 'any' } }], [{}]],
  [
    '{headers: {x-a: {exact: b}, x-c: {exact: d}}}',
    [{ headers: { 'x-a': 'b', 'x-c': 'd' } }],
    [{ headers: { 'x-a': 'b' } }, { headers: { 'x-c': 'd' } }],
  ],
  ['{withoutHeaders: {x-a: {exact: b}}}', [{}, { headers: { 'x-a': 'c' } }], [{ headers: { 'x-a': 'b' } }]],
  ['{withoutHeaders: {x-a: {}}}', [{}], [{ headers: { 'x-a': 'b' } }]],
  ['{queryParams: {q: {exact: "1"}}}', [{ path: '/?q=1' }, { path: '/?p=0&q=1' }], [{ path: '/' }, { path: '/?q=12' }]],
  ['{queryParams: {q: {prefix: a}}}', [{ path: '/?q=ab' }], [{ path: '/?q=ba' }]],
  ['{queryParams: {q: {regex: "[0-9]+"}}}', [{ path: '/?q=12' }], [{ path: '/?q=a1' }]],
  ['{queryParams: {q: {}}}', [{ path: '/?q' }, { path: '/?q=' }], [{ path: '/?p' }]],
  ['{sourceLabels: {app: client}}', [{}], [{ from: 'other', host: 'shop.default' }]],
  ['{sourceLabels: {app: client, tier: back}}', [], [{}]],
  ['{sourceNamespace: other}', [{ from: 'other', host: 'shop.default' }], [{}]],
  ['{gateways: [mesh]}', [{}], []],
  ['{gateways: [somewhere]}', [], [{}]],
  [
    '{uri: {prefix: /a}, method: {exact: GET}}, {headers: {x-a: {exact: b}}}',
    [{ path: '/a' }, { path: '/b', headers: { 'x-a': 'b' } }],
    [{ path: '/a', method: 'PUT' }, { path: '/b' }],
  ],
];

describe('HTTPMatchRequest', () => {
  it.each(MATCHES)('%s', async (match, meet, miss) => {
    await mesh.apply(probe(match));
    const status = async (request: Request): Promise<[Request, number]> => [
      request,
      (await mesh.call({ host: 'shop', ...request })).status,
    ];
    expect(await Promise.all(meet.map(status))).toEqual(meet.map((request) => [request, 201]));
    expect(await Promise.all(miss.map(status))).toEqual(miss.map((request) => [request, 202]));
  });

  it('takes the first route that matches, and answers 404 where none does', async () => {
    await mesh.apply(
      routes(`[
        {match: [{uri: {prefix: /a/b}}], directResponse: {status: 201}},
        {match: [{uri: {prefix: /a}}], directResponse: {status: 202}}]`),
    );
    const statuses = await Promise.all(
      ['/a/b/c', '/a/c', '/c'].map(async (path) => (await mesh.call({ host: 'shop', path })).status),
    );
    expect(statuses).toEqual([201, 202, 404]);
  });

  it('is not slowed down by a hostile regular expression', async () => {
    await mesh.apply(probe('{uri: {regex: "/(a+)+$"}}, {headers: {x-a: {regex: "(x+x+)+y"}}}'));
    const path = `/${'a'.repeat(8_000)}b`;
    const started = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => mesh.call({ host: 'shop', path, headers: { 'x-a': 'x'.repeat(8_000) } })),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    expect(performance.now() - started).toBeLessThan(5_000);
    expect((await mesh.call({ host: 'shop', path: `/${'a'.repeat(50)}` })).status).toBe(201);
  });

  it('never matches what it does not know', async () => {
    await mesh.apply(probe('{uri: {prefix: /}, colour: {exact: red}}'));
    expect((await mesh.call({ host: 'shop' })).status).toBe(202);
    expect(await mesh.findings()).toMatchObject([
      { level: 'warning', file: 'case.yaml', field: 'spec.http[0].match[0].colour' },
    ]);
  });
});

/** Hosts of a VirtualService, the request's host, and whether the VirtualService (201), the service (200) or nothing answers. */
const HOSTS: readonly [host: string, request: Call, status: number][] = [
  ['shop', { host: 'shop' }, 201],
  ['shop', { host: 'shop.default.svc.cluster.local' }, 201],
  ['shop', { host: 'shop.default.svc' }, 201],
  ['shop', { host: 'shop.default:80' }, 201],
  ['shop', { host: 'SHOP' }, 201],
  ['shop', { host: 'shop.default', from: 'other' }, 201],
  ['shop', { host: 'shop', from: 'other' }, 502],
  ['shop.default.svc.cluster.local', { host: 'shop' }, 201],
  ['*.default.svc.cluster.local', { host: 'shop' }, 201],
  ['*.svc.cluster.local', { host: 'shop' }, 201],
  ['*.other.svc.cluster.local', { host: 'shop' }, 200],
  ['*', { host: 'shop' }, 201],
  ['www.example.com', { host: 'www.example.com' }, 201],
  ['www.example.com', { host: 'example.com' }, 502],
  ['*.example.com', { host: 'a.b.example.com' }, 201],
  ['*.example.com', { host: 'example.com' }, 502],
  ['*.example.com', { host: 'shop' }, 200],
];

describe('VirtualService hosts', () => {
  it.each(HOSTS)('%s and %j: %i', async (host, request, status) => {
    await mesh.apply(routes('[{directResponse: {status: 201}}]', host));
    expect((await mesh.call(request)).status).toBe(status);
  });

  it('prefers the exact host to the longer wildcard, and that to the shorter', async () => {
    const answer = (name: string, host: string, status: number): string =>
      routes(`[{directResponse: {status: ${status}}}]`, host).replace(/name: \S+}/, `name: ${name}}`);
    await mesh.apply(
      all(
        answer('a', '*.com', 201),
        answer('b', '*.example.com', 202),
        answer('c', 'www.example.com', 203),
        answer('d', '*.default.svc.cluster.local', 204),
        answer('e', 'shop', 205),
      ),
    );
    const hosts = ['a.com', 'a.example.com', 'www.example.com', 'shop'];
    const statuses = await Promise.all(hosts.map(async (host) => (await mesh.call({ host })).status));
    expect(statuses).toEqual([201, 202, 203, 205]);
  });

  it('keeps an object to the namespaces that exportTo names', async () => {
    const hidden = routes('[{directResponse: {status: 201}}]').replace('spec: {', 'spec: {exportTo: ["."], ');
    await mesh.apply(hidden);
    expect((await mesh.call({ host: 'shop.default' })).status).toBe(201);
    expect((await mesh.call({ host: 'shop.default', from: 'other' })).status).toBe(200);
  });

  it.each(['v1alpha3', 'v1beta1', 'v1'])('is read as %s', async (version) => {
    await mesh.apply(probe('{uri: {exact: /a}}').replace('/v1\n', `/${version}\n`));
    expect((await mesh.call({ host: 'shop', path: '/a' })).status).toBe(201);
    expect(await mesh.findings()).toEqual([]);
  });
});
