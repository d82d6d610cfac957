import { describe, expect, it } from 'vitest';
import { toJson } from '../../common/xds/json.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { buildSnapshot } from '../model/build.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { allot, configSet, nodeOf } from '../translate/testing/case.js';
import { translate } from '../translate/translate.js';
import { tlsPairs } from './tls-pairs.js';

const entry = (name: string, labels: string, namespace = 'default'): string => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: ${namespace}}
spec: {address: 127.0.0.1, ports: {http: 8080}, labels: {app: ${name}, ${labels}}}
`;

const service = (name: string, more = 'location: MESH_INTERNAL, resolution: STATIC'): string => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: default}
spec:
  hosts: [${name}.default.svc.cluster.local]
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS, targetPort: 8080}]
  workloadSelector: {labels: {app: ${name}}}
  ${more.replaceAll(', ', '\n  ')}
`;

const MESH =
  entry('client', 'a: b') +
  entry('bare', 'sidecar: none') +
  entry('shop', 'a: b') +
  entry('old', 'sidecar: none') +
  service('shop') +
  service('old');

const peer = (spec: string, namespace = 'default', name = 'p'): string => `---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
`;

const rule = (tls: string, host = 'shop'): string => `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: r, namespace: default}
spec: {host: ${host}, trafficPolicy: {tls: ${tls}}}
`;

const NO_AUTO = `---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "enableAutoMtls: false"}
`;

function snapshotOf(more: string): MeshSnapshot {
  const set = configSet(MESH + more);
  return buildSnapshot(set, allot(set));
}

function told(more: string, from: string, to: string, port = 80): string {
  const { pairs } = tlsPairs(snapshotOf(more), { from, to });
  return pairs
    .filter((pair) => pair.port === port)
    .map(({ speaks, because }) => `${speaks}: ${because}`)
    .join('\n');
}

const SHOP = 'selector: {matchLabels: {app: shop}}';

/** Configuration, client, service, and what they speak. */
const CASES: readonly [what: string, more: string, from: string, to: string, told: string][] = [
  ['defaults', '', 'client', 'shop', 'mTLS: auto mTLS; no PeerAuthentication: PERMISSIVE'],
  [
    'a client without sidecar',
    '',
    'bare',
    'shop',
    'plaintext: the client has no sidecar; no PeerAuthentication: PERMISSIVE',
  ],
  ['a server without sidecar', '', 'client', 'old', 'plaintext: auto mTLS; the server has no sidecar'],
  ['neither', '', 'bare', 'old', 'plaintext: the client has no sidecar; the server has no sidecar'],
  [
    'mesh STRICT',
    peer('{mtls: {mode: STRICT}}', 'istio-system'),
    'client',
    'shop',
    'mTLS: auto mTLS; PeerAuthentication istio-system/p says STRICT for the whole mesh',
  ],
  [
    'STRICT and no sidecar',
    peer('{mtls: {mode: STRICT}}'),
    'bare',
    'shop',
    'broken: the client has no sidecar; PeerAuthentication default/p says STRICT for its namespace',
  ],
  [
    'STRICT does nothing where there is no sidecar',
    peer('{mtls: {mode: STRICT}}'),
    'client',
    'old',
    'plaintext: auto mTLS; the server has no sidecar',
  ],
  [
    'DISABLE',
    peer(`{${SHOP}, mtls: {mode: DISABLE}}`),
    'client',
    'shop',
    'plaintext: auto mTLS; PeerAuthentication default/p says DISABLE for the workload',
  ],
  [
    'one port',
    peer(`{${SHOP}, mtls: {mode: DISABLE}, portLevelMtls: {8080: {mode: STRICT}}}`),
    'client',
    'shop',
    'mTLS: auto mTLS; PeerAuthentication default/p says STRICT for the port',
  ],
  [
    'DestinationRule DISABLE to STRICT',
    peer('{mtls: {mode: STRICT}}') + rule('{mode: DISABLE}'),
    'client',
    'shop',
    'broken: DestinationRule default/r says DISABLE; PeerAuthentication default/p says STRICT for its namespace',
  ],
  [
    'DestinationRule DISABLE to PERMISSIVE',
    rule('{mode: DISABLE}'),
    'client',
    'shop',
    'plaintext: DestinationRule default/r says DISABLE; no PeerAuthentication: PERMISSIVE',
  ],
  [
    'DestinationRule ISTIO_MUTUAL to DISABLE',
    peer('{mtls: {mode: DISABLE}}') + rule('{mode: ISTIO_MUTUAL}'),
    'client',
    'shop',
    'broken: DestinationRule default/r says ISTIO_MUTUAL; PeerAuthentication default/p says DISABLE for its namespace',
  ],
  [
    'DestinationRule ISTIO_MUTUAL to no sidecar',
    rule('{mode: ISTIO_MUTUAL}', 'old'),
    'client',
    'old',
    'broken: DestinationRule default/r says ISTIO_MUTUAL; the server has no sidecar',
  ],
  [
    'DestinationRule SIMPLE',
    rule('{mode: SIMPLE}'),
    'client',
    'shop',
    'TLS: DestinationRule default/r says SIMPLE; no PeerAuthentication: PERMISSIVE',
  ],
  [
    'DestinationRule SIMPLE to STRICT',
    peer('{mtls: {mode: STRICT}}') + rule('{mode: SIMPLE}'),
    'client',
    'shop',
    'broken: DestinationRule default/r says SIMPLE; PeerAuthentication default/p says STRICT for its namespace',
  ],
  [
    'auto mTLS off',
    NO_AUTO,
    'client',
    'shop',
    'plaintext: auto mTLS is off (MeshConfig enableAutoMtls); no PeerAuthentication: PERMISSIVE',
  ],
  [
    'a policy that cannot be read',
    peer('{mtls: {mode: SOMETIMES}}'),
    'bare',
    'shop',
    'broken: the client has no sidecar; PeerAuthentication default/p says STRICT as it cannot be read',
  ],
  [
    'outside',
    service('away', 'location: MESH_EXTERNAL, resolution: DNS').replace(/ {2}workloadSelector.*\n/, ''),
    'client',
    'away',
    'plaintext: it is outside of the mesh',
  ],
];

/** What the resources of both sidecars make of it, for a client and a server that have one. */
function translated(snapshot: MeshSnapshot, host: string): string {
  const cluster = translate(snapshot, nodeOf(snapshot, 'default/client', 'weft'));
  const name = `outbound|80||${host}.default.svc.cluster.local`;
  const sent = toJson(TYPE.cluster, cluster.get(TYPE.cluster)?.get(name) ?? {}) as Sockets;
  const offered = JSON.stringify(toJson(TYPE.endpoint, cluster.get(TYPE.endpoint)?.get(name) ?? {}));
  const matched = sent.transport_socket_matches !== undefined && offered.includes('"tlsMode"');
  const socket = JSON.stringify(matched ? sent.transport_socket_matches : (sent.transport_socket ?? ''));
  const does = socket.includes('ROOTCA') ? 'mTLS' : socket === '""' ? 'plaintext' : 'TLS';
  const server = translate(snapshot, nodeOf(snapshot, 'default/shop', 'weft'));
  const listeners = [...(server.get(TYPE.listener) ?? [])].map(([, one]) => toJson(TYPE.listener, one) as Listener);
  const inbound = listeners.filter(({ traffic_direction }) => traffic_direction === 'INBOUND');
  const chains = inbound.flatMap(({ filter_chains }) => filter_chains.map(({ name }) => name.replace('8080-', '')));
  const disabled = !chains.includes('mtls');
  const takes = {
    mTLS: !disabled,
    plaintext: chains.some((name) => name.startsWith('plain')),
    TLS: disabled || chains.includes('tls-passthrough'),
  };
  return takes[does] ? does : 'broken';
}

interface Listener {
  readonly traffic_direction: string;
  readonly filter_chains: readonly { readonly name: string }[];
}

interface Sockets {
  readonly transport_socket_matches?: object;
  readonly transport_socket?: object;
}

describe('what a pair speaks', () => {
  it.each(CASES)('%s', (_, more, from, to, expected) => {
    expect(told(more, from, to)).toBe(expected);
  });

  it.each(CASES.filter(([, , from, to]) => from === 'client' && to === 'shop'))(
    'is what both sidecars are told: %s',
    (_, more, __, to, expected) => {
      expect(translated(snapshotOf(more), to)).toBe(expected.split(':')[0]);
    },
  );

  it('is TLS where applications speak it and no sidecar adds its own', () => {
    expect(told('', 'bare', 'shop', 443)).toMatch(/^TLS: /);
    expect(told('', 'client', 'shop', 443)).toMatch(/^mTLS: /);
    expect(told(peer('{mtls: {mode: STRICT}}'), 'bare', 'shop', 443)).toMatch(/^broken: /);
  });

  it('is told for each kind of endpoint, and for a subset that is spoken to otherwise', () => {
    const mixed = entry('shop2', 'sidecar: none').replace('app: shop2', 'app: shop');
    const both = tlsPairs(snapshotOf(mixed), { from: 'client', to: 'shop' }).pairs.filter(({ port }) => port === 80);
    expect(both.map(({ endpoints, speaks }) => [endpoints, speaks])).toEqual([
      [['shop.default'], 'mTLS'],
      [['shop2.default'], 'plaintext'],
    ]);
    const subset = `${rule('{mode: ISTIO_MUTUAL}').replace(/}}\n$/, '}')}, subsets: [{name: v1, labels: {a: b}, trafficPolicy: {tls: {mode: DISABLE}}}]}\n`;
    const told = tlsPairs(snapshotOf(subset), { from: 'client', to: 'shop' }).pairs.filter(({ port }) => port === 80);
    expect(told.map((pair) => [pair.subset, pair.speaks])).toEqual([
      [undefined, 'mTLS'],
      ['v1', 'plaintext'],
    ]);
  });

  it.each([
    [{ from: 'default/client', to: 'shop.default' }, 2],
    [{ from: 'client.default', to: 'shop.default.svc.cluster.local' }, 2],
    [{ to: 'shop.default' }, 8],
    [{ namespace: 'default' }, 16],
    [{ namespace: 'other' }, 0],
    [{ from: 'nobody' }, 0],
  ])('of %j: %i', (question, count) => {
    expect(tlsPairs(snapshotOf(''), question).pairs).toHaveLength(count);
  });
});
