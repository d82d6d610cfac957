import { describe, expect, it } from 'vitest';
import { allot, bookinfo, configSet } from '../translate/testing/case.js';
import { buildSnapshot } from './build.js';
import { HostIndex, hostCovers } from './hosts.js';
import { protocolOf } from './service.js';
import type { MeshSnapshot } from './snapshot.js';
import { meshWorkloads } from './workload-views.js';

function snapshotOf(text: string): MeshSnapshot {
  const set = configSet(text);
  return buildSnapshot(set, allot(set));
}

function reviewsMode(snapshot: MeshSnapshot, port = 31_002): string {
  const workload = snapshot.workloads.get('default/reviews-v1');
  if (workload === undefined) throw new Error('no workload');
  return snapshot.peerAuthentications.mode(workload, port);
}

const policy = (name: string, namespace: string, spec: string): string =>
  `---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`;

describe('peer authentication of a port', () => {
  const mesh = policy('default', 'istio-system', '{mtls: {mode: STRICT}}');
  const space = policy('default', 'default', '{mtls: {mode: DISABLE}}');
  const own = policy('own', 'default', '{selector: {matchLabels: {app: reviews}}, mtls: {mode: PERMISSIVE}}');
  const port = policy(
    'own',
    'default',
    '{selector: {matchLabels: {app: reviews}}, portLevelMtls: {31002: {mode: STRICT}, 1: {mode: UNSET}}}',
  );
  it.each([
    ['nothing said', '', 'permissive'],
    ['mesh', mesh, 'strict'],
    ['namespace over mesh', mesh + space, 'disable'],
    ['workload over namespace', mesh + space + own, 'permissive'],
    ['port over workload', mesh + space + port, 'strict'],
    ['unset takes the wider one', mesh + policy('default', 'default', '{mtls: {mode: UNSET}}'), 'strict'],
    ['unreadable fails closed', policy('default', 'default', '{mtls: {mode: OFF}}'), 'strict'],
    ['another namespace', policy('default', 'other', '{mtls: {mode: STRICT}}'), 'permissive'],
  ])('%s', (_, text, mode) => {
    expect(reviewsMode(snapshotOf(`${bookinfo()}\n${text}`))).toBe(mode);
  });

  it('leaves ports that are not named to the namespace', () => {
    expect(reviewsMode(snapshotOf(`${bookinfo()}\n${space}${port}`), 1)).toBe('disable');
  });
});

describe('hosts', () => {
  it.each([
    ['*', 'a', true],
    ['*.example.com', 'a.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*.example.com', '*.a.example.com', true],
    ['a.example.com', 'a.example.com', true],
  ])('%s covers %s: %s', (pattern, host, covers) => {
    expect(hostCovers(pattern, host)).toBe(covers);
  });

  it('are found by the most specific pattern that is accepted', () => {
    const index = new HostIndex([
      ['*', 'any'],
      ['*.com', 'com'],
      ['*.example.com', 'example'],
      ['a.example.com', 'exact'],
    ]);
    expect(index.find('a.example.com', () => true)).toBe('exact');
    expect(index.find('a.example.com', (item) => item !== 'exact')).toBe('example');
    expect(index.find('b.com', () => true)).toBe('com');
    expect(index.find('b.org', (item) => item !== 'any')).toBeUndefined();
  });
});

describe('protocol of a port', () => {
  it.each([
    ['HTTP', 'x', 1, 'http'],
    ['GRPC', 'x', 1, 'grpc'],
    ['kubernetes.io/h2c', 'x', 1, 'http2'],
    ['HTTPS', 'x', 1, 'tls'],
    ['TCP', 'http', 1, 'tcp'],
    [undefined, 'http-web', 1, 'http'],
    [undefined, 'grpc-web-x', 1, 'grpc-web'],
    [undefined, 'mysql', 1, 'tcp'],
    [undefined, 'web', 3306, 'tcp'],
    [undefined, 'web', 80, 'auto'],
  ] as const)('%s %s %d is %s', (declared, name, number, protocol) => {
    expect(protocolOf(declared, name, number)).toBe(protocol);
  });
});

it('shows workloads with identity, ports and services', () => {
  expect(meshWorkloads(snapshotOf(bookinfo()))[0]).toEqual({
    namespace: 'default',
    name: 'productpage-v1',
    labels: { app: 'productpage', version: 'v1' },
    serviceAccount: 'bookinfo-productpage',
    spiffeId: 'spiffe://cluster.local/ns/default/sa/bookinfo-productpage',
    address: '127.0.0.1',
    applicationPorts: [31_001],
    interception: undefined,
    sidecar: {
      address: '127.0.0.1',
      inbound: [{ application: 31_001, sidecar: 20_002 }],
      outbound: 20_000,
      admin: 20_001,
    },
    services: ['productpage.default.svc.cluster.local'],
  });
});
