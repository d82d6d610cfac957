import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Call, FieldMesh, serviceOf } from '../../support/field-mesh.js';

const mesh = new FieldMesh();
let ports: Readonly<Record<string, number>> = {};
let applicationPort = 0;

beforeAll(async () => {
  await mesh.start(
    [
      { name: 'client', labels: { app: 'client' }, account: 'client-account' },
      { name: 'other', namespace: 'other', labels: { app: 'other' } },
      { name: 'shop-v1', labels: { app: 'shop', version: 'v1' } },
    ],
    { 'services.yaml': serviceOf('shop') },
  );
  const { sidecar } = await mesh.mesh.workload('shop-v1');
  ports = sidecar?.inbound ?? {};
  applicationPort = mesh.app('shop-v1').port;
});
afterAll(() => mesh.dispose());

/** A request without mTLS straight to the server's sidecar: its status, 0 when the connection is closed on it. */
function plaintext(headers: Readonly<Record<string, string>> = {}, path = '/'): Promise<number> {
  return new Promise((resolve) => {
    const sent = request(
      { host: '127.0.0.1', port: ports[applicationPort], path, headers: { host: 'shop', ...headers }, agent: false },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    sent.on('error', () => resolve(0));
    sent.end();
  });
}

function peer(namespace: string, spec: string): string {
  return `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: p${spec.length}-${namespace}, namespace: ${namespace}}
spec: ${spec}
---
`;
}

const SHOP = 'selector: {matchLabels: {app: shop}}';

/** Policies, and whether the server takes a plaintext client (a mesh client it always takes). */
const PEERS: readonly [what: string, policies: () => string, plain: boolean][] = [
  ['nothing', () => '', true],
  ['mesh STRICT', () => peer('istio-system', '{mtls: {mode: STRICT}}'), false],
  ['mesh PERMISSIVE', () => peer('istio-system', '{mtls: {mode: PERMISSIVE}}'), true],
  ['mesh DISABLE', () => peer('istio-system', '{mtls: {mode: DISABLE}}'), true],
  ['namespace STRICT', () => peer('default', '{mtls: {mode: STRICT}}'), false],
  ['another namespace STRICT', () => peer('other', '{mtls: {mode: STRICT}}'), true],
  [
    'namespace PERMISSIVE over mesh STRICT',
    () => peer('istio-system', '{mtls: {mode: STRICT}}') + peer('default', '{mtls: {mode: PERMISSIVE}}'),
    true,
  ],
  ['workload STRICT', () => peer('default', `{${SHOP}, mtls: {mode: STRICT}}`), false],
  [
    'another workload STRICT',
    () => peer('default', '{selector: {matchLabels: {app: cart}}, mtls: {mode: STRICT}}'),
    true,
  ],
  [
    'workload DISABLE over namespace STRICT',
    () => peer('default', '{mtls: {mode: STRICT}}') + peer('default', `{${SHOP}, mtls: {mode: DISABLE}}`),
    true,
  ],
  [
    'port PERMISSIVE over workload STRICT',
    () => peer('default', `{${SHOP}, mtls: {mode: STRICT}, portLevelMtls: {${applicationPort}: {mode: PERMISSIVE}}}`),
    true,
  ],
  [
    'port STRICT over workload PERMISSIVE',
    () => peer('default', `{${SHOP}, mtls: {mode: PERMISSIVE}, portLevelMtls: {${applicationPort}: {mode: STRICT}}}`),
    false,
  ],
  [
    'another port',
    () => peer('default', `{${SHOP}, mtls: {mode: STRICT}, portLevelMtls: {1: {mode: DISABLE}}}`),
    false,
  ],
  [
    'UNSET takes the wider one',
    () => peer('istio-system', '{mtls: {mode: STRICT}}') + peer('default', '{mtls: {mode: UNSET}}'),
    false,
  ],
  ['a policy that cannot be read', () => peer('default', '{mtls: {mode: SOMETIMES}}'), false],
];

describe('PeerAuthentication', () => {
  it.each(PEERS)('%s', async (_, policies, plain) => {
    await mesh.apply(policies());
    expect(await plaintext()).toBe(plain ? 200 : 0);
    expect((await mesh.call({ host: 'shop' })).status).toBe(200);
  });

  it('DISABLE makes mesh clients speak plaintext too', async () => {
    await mesh.apply(peer('default', '{mtls: {mode: DISABLE}}'));
    const plain = await mesh.call({ host: 'shop' });
    await mesh.apply('');
    const mutual = await mesh.call({ host: 'shop' });
    expect(plain.seen?.headers['x-forwarded-client-cert']).toBeUndefined();
    expect(mutual.seen?.headers['x-forwarded-client-cert']).toContain(
      'URI=spiffe://cluster.local/ns/default/sa/client-account',
    );
  });
});

function policy(spec: string, namespace = 'default', name = 'p'): string {
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
---
`;
}

const CLIENT = 'cluster.local/ns/default/sa/client-account';
type Request = Partial<Call> & { readonly plaintext?: true };

/** One rule, requests that meet it, requests that do not. */
const RULES: readonly [rule: string | (() => string), meet: readonly Request[], miss: readonly Request[]][] = [
  [`from: [{source: {principals: ["${CLIENT}"]}}]`, [{}], [{ from: 'other' }, { plaintext: true }]],
  ['from: [{source: {principals: ["*"]}}]', [{}, { from: 'other' }], [{ plaintext: true }]],
  ['from: [{source: {principals: ["cluster.local/ns/other/*"]}}]', [{ from: 'other' }], [{}]],
  ['from: [{source: {principals: ["*/sa/other"]}}]', [{ from: 'other' }], [{}]],
  [`from: [{source: {notPrincipals: ["${CLIENT}"]}}]`, [{ from: 'other' }, { plaintext: true }], [{}]],
  ['from: [{source: {namespaces: [default]}}]', [{}], [{ from: 'other' }, { plaintext: true }]],
  ['from: [{source: {namespaces: ["oth*"]}}]', [{ from: 'other' }], [{}]],
  ['from: [{source: {notNamespaces: [default]}}]', [{ from: 'other' }, { plaintext: true }], [{}]],
  ['from: [{source: {ipBlocks: [127.0.0.0/8]}}]', [{}], []],
  ['from: [{source: {ipBlocks: [10.0.0.0/8, "::1"]}}]', [], [{}]],
  ['from: [{source: {notIpBlocks: [127.0.0.1]}}]', [], [{}]],
  ['from: [{source: {remoteIpBlocks: [127.0.0.1]}}]', [{}], []],
  ['from: [{source: {notRemoteIpBlocks: [10.0.0.0/8]}}]', [{}], []],
  [
    'from: [{source: {namespaces: [other]}}, {source: {namespaces: [default]}}]',
    [{}, { from: 'other' }],
    [{ plaintext: true }],
  ],
  [`from: [{source: {namespaces: [default], notPrincipals: ["${CLIENT}"]}}]`, [], [{}, { from: 'other' }]],
  ['to: [{operation: {methods: [GET]}}]', [{}], [{ method: 'PUT' }]],
  ['to: [{operation: {methods: ["P*"]}}]', [{ method: 'PUT' }, { method: 'POST' }], [{}]],
  ['to: [{operation: {notMethods: [GET]}}]', [{ method: 'PUT' }], [{}]],
  [
    'to: [{operation: {paths: [/a, "/b/*", "*.png"]}}]',
    [{ path: '/a' }, { path: '/b/c' }, { path: '/x/y.png' }],
    [{ path: '/b' }, { path: '/a/' }],
  ],
  ['to: [{operation: {paths: [/a]}}]', [{ path: '/a?x=1' }, { path: '/x/../a' }, { path: '/./a' }], [{ path: '/A' }]],
  ['to: [{operation: {notPaths: ["/a*"]}}]', [{ path: '/b' }], [{ path: '/ab' }]],
  [
    'to: [{operation: {hosts: [shop.default]}}]',
    [{ host: 'shop.default' }, { host: 'SHOP.default' }],
    [{ host: 'shop' }],
  ],
  ['to: [{operation: {hosts: ["shop.default*"]}}]', [{ host: 'shop.default:80' }], [{ host: 'shop' }]],
  ['to: [{operation: {notHosts: [shop]}}]', [{ host: 'shop.default' }], [{ host: 'shop' }]],
  [() => `to: [{operation: {ports: ["${applicationPort}"]}}]`, [{}], []],
  ['to: [{operation: {ports: ["1"]}}]', [], [{}]],
  ['to: [{operation: {notPorts: ["1"]}}]', [{}], []],
  [
    'to: [{operation: {methods: [GET], paths: [/a]}}, {operation: {methods: [PUT]}}]',
    [{ path: '/a' }, { method: 'PUT' }],
    [{ path: '/b' }],
  ],
  [
    'when: [{key: "request.headers[x-a]", values: [b, "c*"]}]',
    [{ headers: { 'x-a': 'b' } }, { headers: { 'x-a': 'cd' } }],
    [{}, { headers: { 'x-a': 'd' } }],
  ],
  ['when: [{key: "request.headers[X-A]", values: ["*"]}]', [{ headers: { 'x-a': 'z' } }], [{}]],
  [
    'when: [{key: "request.headers[x-a]", notValues: [b]}]',
    [{}, { headers: { 'x-a': 'c' } }],
    [{ headers: { 'x-a': 'b' } }],
  ],
  ['when: [{key: source.ip, values: [127.0.0.1]}]', [{}], []],
  ['when: [{key: source.ip, notValues: [127.0.0.0/8]}]', [], [{}]],
  ['when: [{key: remote.ip, values: [127.0.0.0/8]}]', [{}], []],
  ['when: [{key: source.namespace, values: [other]}]', [{ from: 'other' }], [{}, { plaintext: true }]],
  ['when: [{key: source.namespace, notValues: [other]}]', [{}], [{ from: 'other' }]],
  [`when: [{key: source.principal, values: ["${CLIENT}"]}]`, [{}], [{ from: 'other' }]],
  ['when: [{key: destination.ip, values: [127.0.0.1]}]', [{}], []],
  [() => `when: [{key: destination.port, values: ["${applicationPort}"]}]`, [{}], []],
  ['when: [{key: destination.port, notValues: ["1"]}]', [{}], []],
  [
    'when: [{key: connection.sni, values: ["outbound_.80_._.shop.default.svc.cluster.local"]}]',
    [{}],
    [{ plaintext: true }],
  ],
  [
    'from: [{source: {namespaces: [default]}}], to: [{operation: {methods: [GET]}}], when: [{key: "request.headers[x-a]", values: [b]}]',
    [{ headers: { 'x-a': 'b' } }],
    [{}, { headers: { 'x-a': 'b' }, method: 'PUT' }, { headers: { 'x-a': 'b' }, from: 'other' }],
  ],
];

async function statusOf(wanted: Request): Promise<number> {
  if (wanted.plaintext === true) return plaintext(wanted.headers, wanted.path);
  return (await mesh.call({ host: 'shop.default', ...wanted })).status;
}

async function statuses(list: readonly Request[]): Promise<number[]> {
  return Promise.all(list.map(statusOf));
}

describe('AuthorizationPolicy rules', () => {
  it.each(RULES)('%s', async (written, meet, miss) => {
    const rule = typeof written === 'string' ? written : written();
    await mesh.apply(policy(`{${SHOP}, action: ALLOW, rules: [{${rule}}]}`));
    expect(await statuses(meet)).toEqual(meet.map(() => 200));
    expect(await statuses(miss)).toEqual(miss.map(() => 403));
    await mesh.apply(policy(`{${SHOP}, action: DENY, rules: [{${rule}}]}`));
    expect(await statuses(meet)).toEqual(meet.map(() => 403));
    expect(await statuses(miss)).toEqual(miss.map(() => 200));
  });
});

const ALLOW_ALL = (namespace = 'default', name = 'allow'): string => policy('{rules: [{}]}', namespace, name);
const DENY_PUT = '{action: DENY, rules: [{to: [{operation: {methods: [PUT]}}]}]}';

/** Policies, and what GET and PUT get. */
const POLICIES: readonly [what: string, policies: string, get: number, put: number][] = [
  ['an empty spec denies all', policy('{}'), 403, 403],
  ['an empty rule allows all', ALLOW_ALL(), 200, 200],
  ['ALLOW without rules allows nothing', policy('{action: ALLOW}'), 403, 403],
  ['DENY without rules denies nothing', policy('{action: DENY}'), 200, 200],
  ['DENY with an empty rule denies all', policy('{action: DENY, rules: [{}]}'), 403, 403],
  ['DENY goes before ALLOW', ALLOW_ALL() + policy(DENY_PUT), 200, 403],
  ['one of several ALLOW is enough', policy('{}', 'default', 'none') + ALLOW_ALL(), 200, 200],
  ['another workload’s', policy('{selector: {matchLabels: {app: cart}}}'), 200, 200],
  ['another namespace’s', policy('{}', 'other'), 200, 200],
  ['the root namespace’s', policy('{}', 'istio-system'), 403, 403],
  ['the root namespace’s with a selector', policy(DENY_PUT.replace('{', `{${SHOP}, `), 'istio-system'), 200, 403],
  ['root and own together', policy(DENY_PUT, 'istio-system') + ALLOW_ALL(), 200, 403],
  ['root empty and own ALLOW', policy('{}', 'istio-system') + ALLOW_ALL(), 200, 200],
  ['one that cannot be read', policy('{rules: [{to: [{operation: {ports: [http]}}]}]}'), 403, 403],
  ['one with an unknown field', policy('{rules: [{}], sellector: {}}'), 403, 403],
  ['an ALLOW rule with an unknown condition', policy('{rules: [{to: [{operation: {colour: [red]}}]}]}'), 403, 403],
  [
    'a DENY rule with an unknown condition',
    policy('{action: DENY, rules: [{to: [{operation: {colour: [red], methods: [PUT]}}]}]}'),
    200,
    403,
  ],
  ['an ALLOW rule with an unknown key', policy('{rules: [{when: [{key: request.mood, values: [good]}]}]}'), 403, 403],
  [
    'an ALLOW rule that asks for a token',
    policy('{rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}'),
    403,
    403,
  ],
  ['AUDIT', policy('{action: AUDIT, rules: [{}]}'), 200, 200],
  [
    'CUSTOM, since nobody is asked',
    policy('{action: CUSTOM, provider: {name: x}, rules: [{to: [{operation: {methods: [PUT]}}]}]}'),
    200,
    403,
  ],
];

describe('AuthorizationPolicy', () => {
  it.each(POLICIES)('%s', async (_, policies, get, put) => {
    await mesh.apply(policies);
    expect(await statuses([{}, { method: 'PUT' }])).toEqual([get, put]);
  });

  it('says so in the body', async () => {
    await mesh.apply(policy('{}'));
    const { status, body } = await mesh.call({ host: 'shop' });
    expect([status, body]).toEqual([403, 'RBAC: access denied']);
  });

  it.each(['v1', 'v1beta1'])('is read as %s', async (version) => {
    await mesh.apply(policy('{}').replace('/v1\n', `/${version}\n`));
    expect(await statuses([{}])).toEqual([403]);
  });
});
