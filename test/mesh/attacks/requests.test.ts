import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { meshConfig } from '../../support/field-mesh.js';
import { answer, type ReceivedRequest } from '../../support/scripted-upstream.js';
import { type Entry, fieldOf, get, head, SidecarPair } from '../sidecar/pair.js';
import { type Field, get as get2, sendHttp2 } from './raw-http2.js';

const POLICIES = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin}
spec:
  selector: {matchLabels: {app: shop}}
  action: DENY
  rules:
    - to: [{operation: {paths: [/admin, /admin/*]}}]
    - to: [{operation: {hosts: [secret.test, "secret.test:*"]}}]
    - to: [{operation: {methods: [DELETE]}}]
    - when: [{key: "request.headers[x-role]", values: [admin, "*admin"]}]
`;

const pair = new SidecarPair();
beforeAll(async () => {
  await pair.start(POLICIES);
  const settings = `accessLogFile: ${pair.logFile}, accessLogEncoding: JSON, pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}`;
  pair.mesh.write('settings.yaml', meshConfig(settings));
  await pair.mesh.until('the policy', async () => {
    const { received } = await pair.run({ to: 'server', send: [get('//admin')] });
    expect(received).toEqual([]);
  });
});
afterAll(() => pair.dispose());

const ENTRIES: readonly Entry[] = ['client', 'server'];

async function http1(to: Entry, bytes: string): Promise<readonly ReceivedRequest[]> {
  const { received } = await pair.run({ to, send: [bytes, { wait: 30 }, 'end'], responses: 0, timeoutMs: 2000 });
  return received;
}

async function http2(to: Entry, fields: readonly Field[], body?: string): Promise<readonly ReceivedRequest[]> {
  pair.app.reset(() => answer(200, 'ok'));
  await sendHttp2(to === 'server' ? pair.ports.inbound : pair.ports.outbound, fields, body);
  return [...pair.app.received];
}

/** What the least careful of applications makes of a path. */
function asApplication(start: string): string {
  let path = (start.split(' ')[1] ?? '').replace(/[?#].*/, '');
  for (let before = ''; before !== path; ) {
    before = path;
    path = path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
  return new URL(`http://x/${path.replaceAll('\\', '/').replace(/\0.*/s, '')}`.replace(/([^:])\/+/g, '$1/')).pathname;
}

const PATHS = [
  '/admin',
  '//admin',
  '///admin//x',
  '/.//admin',
  '/x/..//admin',
  '/%2Fadmin',
  '/%2f%2fadmin',
  '/x%2F..%2Fadmin',
  '/x%2f%2e%2e%2fadmin/y',
  '/x%5C..%5Cadmin',
  '/x\\..\\admin',
  '/\\admin',
  '/%5cadmin',
  '/admin%2Fx',
  '/%61dmin',
  '/.%2fadmin',
  '/admin/./',
  '/x/%2E%2E/admin',
  '/admin?x=//',
  '/admin%00',
  '/admin%00/../y',
];

describe.each(ENTRIES)('at the %s’s sidecar', (to) => {
  it.each(PATHS)('%s does not reach what is denied, by HTTP/1.1 or HTTP/2', async (path) => {
    for (const received of [await http1(to, get(path)), await http2(to, get2(path))]) {
      for (const { start } of received) expect(asApplication(start)).not.toMatch(/^\/admin(\/|$)/);
    }
  });

  it.each(['/ADMIN', '/admin;v=1', '/admin%20', '/%2561dmin', '/admi%CC%88n'])(
    '%s is not decoded to something else behind the policy’s back',
    async (path) => {
      expect((await http1(to, get(path))).map(({ start }) => start)).toEqual([`GET ${path} HTTP/1.1`]);
      expect((await http2(to, get2(path))).map(({ start }) => start)).toEqual([`GET ${path} HTTP/1.1`]);
    },
  );

  it.each<[what: string, bytes: string]>([
    ['absolute form', head('GET http://secret.test/ HTTP/1.1', 'Host: shop')],
    ['a Host in capitals', head('GET / HTTP/1.1', 'Host: SECRET.TEST')],
    ['a Host with a port', head('GET / HTTP/1.1', 'Host: secret.test:80')],
    ['user information', head('GET http://shop@secret.test/ HTTP/1.1', 'Host: shop')],
    ['a second Host', head('GET / HTTP/1.1', 'Host: shop', 'Host: secret.test')],
    ['a folded Host', head('GET / HTTP/1.1', 'Host: shop', ' secret.test')],
    ['a bare LF before a Host', head('GET / HTTP/1.1', 'X: y\nHost: secret.test', 'Host: shop')],
    ['a NUL in a Host', head('GET / HTTP/1.1', 'Host: secret.test\0.shop')],
  ])('a denied host is not reached by %s', async (_what, bytes) => {
    for (const { headers } of await http1('server', bytes)) {
      const hosts = headers.filter(([name]) => /^host$/i.test(name)).map(([, value]) => value);
      expect(hosts).toEqual(['shop']);
    }
  });

  it.each<[what: string, fields: readonly Field[]]>([
    ['host against :authority', get2('/', ['host', 'secret.test'])],
    ['a second :authority', get2('/', [':authority', 'secret.test'])],
    ['a second :path', get2('/', [':path', '/admin'])],
    ['a second :method', get2('/', [':method', 'DELETE'])],
    ['a pseudo-header behind a field', [...get2('/', ['x', 'y']), [':path', '/admin']]],
    ['an unknown pseudo-header', get2('/', [':protocol-x', 'y'])],
    [
      'no :path',
      [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':authority', 'shop'],
      ],
    ],
    ['an empty :path', get2('')],
    ['a :path that is no path', get2('admin')],
    ['an absolute :path', get2('http://secret.test/admin')],
    ['a line end in :path', get2('/ HTTP/1.1\r\nHost: secret.test\r\n\r\nGET /admin')],
    ['a space in :path', get2('/ HTTP/1.1 /admin')],
    ['a line end in :method', [[':method', 'GET /admin HTTP/1.1\r\nx: '], ...get2('/').slice(1)]],
    ['a space in :method', [[':method', 'GET /admin'], ...get2('/').slice(1)]],
    ['a line end in :authority', [...get2('/').slice(0, 2), [':authority', 'shop\r\nx-role: admin'], [':path', '/']]],
    ['a line end in a field', get2('/', ['x', 'y\r\nx-role: admin'])],
    ['a line end in a name', get2('/', ['x: y\r\nx-role', 'admin'])],
    ['a colon in a name', get2('/', ['x-role:admin', 'y'])],
    ['capitals in a name', get2('/', ['X-Role', 'admin'])],
    ['a NUL in a field', get2('/', ['x', 'y\0x-role: admin'])],
    ['transfer-encoding', get2('/', ['transfer-encoding', 'chunked'])],
    ['connection', get2('/', ['connection', 'x-role'])],
    ['upgrade', get2('/', ['upgrade', 'h2c'])],
    ['te', get2('/', ['te', 'chunked'])],
  ])('HTTP/2 with %s is refused, or the application sees nothing that is denied', async (_what, fields) => {
    for (const { start, headers } of await http2('server', fields)) {
      expect(start).toBe('GET / HTTP/1.1');
      expect(JSON.stringify(headers)).not.toMatch(/secret\.test|admin|chunked|h2c/);
      expect(headers.filter(([name]) => /^host$/i.test(name))).toHaveLength(1);
    }
  });

  it.each([
    ['too long', '100'],
    ['too short', '1'],
    ['two', '4, 5'],
  ])('no second request is hidden in an HTTP/2 body whose length is told %s', async (_what, length) => {
    const hidden = 'GET /admin HTTP/1.1\r\nHost: shop\r\n\r\n';
    const fields: Field[] = [[':method', 'POST'], ...get2('/in').slice(1), ['content-length', length]];
    const received = await http2('server', fields, hidden);
    expect(received.map(({ start }) => start)).not.toContain('GET /admin HTTP/1.1');
  });

  it.each([
    ['two fields', ['X-Role: user', 'X-Role: admin']],
    ['a list', ['X-Role: user, admin']],
    ['capitals in the name', ['x-RoLe: admin']],
  ] as const)('a denied header is not hidden in %s', async (_what, lines) => {
    expect(await http1(to, get('/', ...lines))).toEqual([]);
  });
});

/** What only the mesh may say. */
const FORGED: readonly [name: string, value: string][] = [
  ['x-forwarded-client-cert', 'By=spiffe://x;URI=spiffe://cluster.local/ns/default/sa/forged'],
  ['x-envoy-peer-metadata', 'forged'],
  ['x-envoy-peer-metadata-id', 'forged'],
  ['x-envoy-internal', 'forged'],
];

describe.each(ENTRIES)('forged by a client at the %s’s sidecar', (to) => {
  it.each(FORGED)('%s does not reach the application, by HTTP/1.1 or HTTP/2, once or twice', async (name, value) => {
    const twice: Field[] = [
      [name, value],
      [name, value],
    ];
    const all = [
      await http1(to, get('/h', `${name}: ${value}`)),
      await http1(to, get('/h', `${name.toUpperCase()}: ${value}`, `${name}: ${value}`)),
      await http2(to, get2('/h', ...twice)),
    ];
    for (const received of all) {
      expect(received).toHaveLength(1);
      expect(JSON.stringify(received[0]?.headers)).not.toContain('forged');
    }
  });

  it.each([
    ['a trailer', 'Transfer-Encoding: chunked'],
    ['a hop-by-hop name', 'Connection: x-forwarded-client-cert, x-request-id'],
  ])('x-forwarded-client-cert is not lost or believed by way of %s', async (_what, line) => {
    const body = line.startsWith('Transfer') ? '0\r\nX-Forwarded-Client-Cert: URI=spiffe://forged\r\n\r\n' : '';
    const received = await http1(to, `${head('POST /t HTTP/1.1', 'Host: shop', line)}${body}`);
    expect(JSON.stringify(received)).not.toContain('forged');
    if (to === 'client') expect(fieldOf(received[0], 'x-forwarded-client-cert')).toContain('sa/client');
    expect(fieldOf(received[0], 'x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
