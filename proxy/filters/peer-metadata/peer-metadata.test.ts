import { describe, expect, it } from 'vitest';
import { EXTENSION } from '../../../common/xds/type-urls.js';
import { HeaderList } from '../../http/headers.js';
import { PLAINTEXT_PEER } from '../../http/stream-info.js';
import { fromYaml, TEST_CONNECTION, testRequest } from '../../router/testing.js';
import { Issues } from '../../snapshot/issues.js';
import { filterContext, MESH_CONNECTION } from '../testing.js';
import { decodePeerMetadata, encodePeerMetadata, type OwnWorkload, PeerMetadataCache } from './encoding.js';
import { PEER_METADATA, PEER_METADATA_ID, peerMetadataFactory } from './peer-metadata.js';

const OWN: OwnWorkload = {
  nodeId: 'sidecar~10.0.0.1~reviews-v1-abc.default~default.svc.cluster.local',
  instance: 'reviews-v1-abc',
  owner: 'kubernetes://apis/apps/v1/namespaces/default/deployments/reviews-v1',
  workload: 'reviews-v1',
  namespace: 'default',
  canonicalService: 'reviews',
  canonicalRevision: 'v1',
  app: 'reviews',
  version: 'v1',
  cluster: 'Kubernetes',
};
const { nodeId: _id, instance: _instance, owner: _owner, ...WORKLOAD } = OWN;

const BOTH = `{downstream_discovery: [{istio_headers: {}}], upstream_discovery: [{istio_headers: {}}],
  downstream_propagation: [{istio_headers: {}}], upstream_propagation: [{istio_headers: {}}]}`;

function build(config: string, goesToMesh = false) {
  const factory = peerMetadataFactory({
    own: OWN,
    trusts: (peer) => peer.mtls && peer.uriSan?.startsWith('spiffe://cluster.local/') === true,
    goesToMesh: () => goesToMesh,
  });
  const place = { name: 'peer', direction: 'inbound' as const, statPrefix: '' };
  const filter = factory.compile(fromYaml(EXTENSION.peerMetadata, config), place, new Issues());
  if (filter === undefined || filter === 'none') throw new Error('no filter');
  return filter;
}

const SENT = { [PEER_METADATA]: encodePeerMetadata(OWN), [PEER_METADATA_ID]: OWN.nodeId };
const foreign = { ...MESH_CONNECTION, peer: { ...MESH_CONNECTION.peer, uriSan: 'spiffe://elsewhere/ns/a/sa/b' } };

it('reads what it writes', () => {
  expect(decodePeerMetadata(SENT[PEER_METADATA]!)).toEqual(WORKLOAD);
});

it.each(['', '!!!', Buffer.from([0xff, 0xff, 0xff]).toString('base64'), 'A'.repeat(20_000)])(
  'does not read %j',
  (value) => {
    expect(decodePeerMetadata(value)?.workload ?? '').toBe('');
  },
);

it('keeps a bounded number of decoded values', () => {
  const cache = new PeerMetadataCache(2);
  for (let i = 0; i < 10; i++)
    expect(cache.decode(encodePeerMetadata({ ...OWN, workload: `w${i}` }))?.workload).toBe(`w${i}`);
});

describe('inbound', () => {
  it.each([
    ['mTLS of the mesh', MESH_CONNECTION, true],
    ['plaintext', TEST_CONNECTION, false],
    ['a foreign trust domain', foreign, false],
  ])('over %s: believed %s', (_name, connection, believed) => {
    const filter = build(BOTH);
    const context = filterContext(testRequest('a/', SENT), { connection });
    void filter.onRequest?.(context);
    expect(context.info.peerWorkload).toEqual(believed ? WORKLOAD : undefined);
    expect(context.request.headers.size).toBe(0);
    const response = { status: 200, reason: '', headers: new HeaderList() };
    filter.onResponse?.(context, response);
    expect(response.headers.get(PEER_METADATA_ID)).toBe(believed ? OWN.nodeId : undefined);
  });

  it('tells nobody who did not ask, and never passes on what the application says', () => {
    const filter = build(BOTH);
    const context = filterContext(testRequest('a/'), { connection: MESH_CONNECTION });
    void filter.onRequest?.(context);
    const response = { status: 200, reason: '', headers: new HeaderList() };
    response.headers.append(PEER_METADATA, SENT[PEER_METADATA]!);
    filter.onResponse?.(context, response);
    expect(response.headers.size).toBe(0);
  });
});

describe('outbound', () => {
  it.each([true, false])('sends its own only into the mesh (%s), never what the application sent', (mesh) => {
    const context = filterContext(testRequest('a/', { [PEER_METADATA]: 'forged', [PEER_METADATA_ID]: 'forged' }));
    void build(BOTH, mesh).onRequest?.(context);
    expect(context.request.headers.get(PEER_METADATA)).toBe(mesh ? SENT[PEER_METADATA] : undefined);
    expect(context.request.headers.get(PEER_METADATA_ID)).toBe(mesh ? OWN.nodeId : undefined);
    expect(context.info.peerWorkload).toBeUndefined();
  });

  it.each([
    ['mTLS of the mesh', MESH_CONNECTION.peer, true],
    ['plaintext', PLAINTEXT_PEER, false],
  ])('an answer over %s is believed: %s', (_name, peer, believed) => {
    const context = filterContext();
    context.info.upstreamPeer = peer;
    const response = { status: 200, reason: '', headers: new HeaderList() };
    for (const [name, value] of Object.entries(SENT)) response.headers.append(name, value);
    build(BOTH).onResponse?.(context, response);
    expect(context.info.peerWorkload).toEqual(believed ? WORKLOAD : undefined);
    expect(response.headers.size).toBe(0);
  });
});
