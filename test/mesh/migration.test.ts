import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import { CONTROL_PLANE_NAME } from '../../common/xds/names.js';
import { issueToken, loadTokenKey } from '../../control-plane/ca/tokens.js';
import { all, FieldMesh, meshConfig, serviceOf } from '../support/field-mesh.js';
import { requestCertificate } from '../support/mesh-calls.js';
import { leaf, overTls, stolenAuthority } from './attacks/forger.js';

/** A mesh that changes its trust domain: `early` and `shop` have certificates of the old one, `late` has one of the new. */
const fields = new FieldMesh();

const POLICIES = all(
  `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
`,
  `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: by-the-old-names}
spec:
  rules:
    - from: [{source: {principals: [old.example/ns/default/sa/early, old.example/ns/default/sa/late]}}]
      to: [{operation: {paths: [/open]}}]
`,
);
beforeAll(async () => {
  await fields.start(
    [
      { name: 'early', labels: { app: 'early' } },
      { name: 'shop', labels: { app: 'shop' } },
    ],
    {
      'services.yaml': all(serviceOf('shop'), serviceOf('early'), serviceOf('late')),
      'policies.yaml': POLICIES,
      'mesh.yaml': meshConfig('trustDomain: old.example'),
    },
  );
  await fields.mesh.until('the first answer', async () => {
    expect(await peerOf('early', 'shop')).toContain('URI=spiffe://old.example/ns/default/sa/early');
  });
  await becomes('trustDomain: new.example, trustDomainAliases: [old.example]');
  await fields.add({ name: 'late', labels: { app: 'late' } });
});
afterAll(() => fields.dispose());

/** Resolves when every sidecar has what these settings make of it. */
async function becomes(settings: string): Promise<void> {
  fields.mesh.write('mesh.yaml', meshConfig(settings));
  await fields.apply('');
}

/** What the application learns of its caller. */
async function peerOf(from: string, host: string): Promise<string> {
  const { status, seen, body } = await fields.call({ from, host, path: '/open', fresh: true });
  if (status !== 200) throw new Error(`${status} ${body}`);
  return String(seen?.headers['x-forwarded-client-cert']);
}

/** What a certificate of that name, signed by the mesh's own authority, gets at the sidecar of `shop`. */
async function withCertificateOf(uri: string): Promise<string> {
  const { sidecar } = await fields.mesh.workload('shop');
  const port = sidecar?.inbound[String(fields.app('shop').port)] ?? 0;
  const request = 'GET /open HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n';
  const { cert, key } = leaf(stolenAuthority(fields.mesh.state), [uri]);
  return (await overTls(port, { cert, key, ALPNProtocols: ['istio', 'http/1.1'] }, request)).text;
}

describe('while the trust domain changes', () => {
  it('sidecars of the old and of the new domain talk to each other, both ways', async () => {
    await fields.mesh.until('new to old', async () => {
      const told = await peerOf('late', 'shop');
      expect(told).toContain('URI=spiffe://new.example/ns/default/sa/late');
      expect(told).toContain('By=spiffe://old.example/ns/default/sa/shop');
    });
    const told = await peerOf('early', 'late');
    expect(told).toContain('URI=spiffe://old.example/ns/default/sa/early');
    expect(told).toContain('By=spiffe://new.example/ns/default/sa/late');
    expect(await peerOf('early', 'shop')).toContain('URI=spiffe://old.example');
  });

  it('a policy with the old principal holds for both, and lets nobody else in', async () => {
    for (const from of ['early', 'late']) {
      expect((await fields.call({ from, host: 'shop', path: '/closed' })).status).toBe(403);
    }
    expect(await withCertificateOf('spiffe://new.example/ns/default/sa/early')).toMatch(/^HTTP\/1.1 200/);
    expect(await withCertificateOf('spiffe://new.example/ns/default/sa/other')).toMatch(/^HTTP\/1.1 403/);
    expect(await withCertificateOf('spiffe://old.example/ns/default/sa/other')).toMatch(/^HTTP\/1.1 403/);
  });

  it('a third domain gets nothing', async () => {
    expect(await withCertificateOf('spiffe://third.example/ns/default/sa/early')).toBe('');
  });

  it('a sidecar of the old domain renews its certificate, of no third domain and of no other account', async () => {
    const { xdsAddress, rootCertificate } = fields.mesh.controlPlane();
    const key = await loadTokenKey(fields.mesh.state, createLogger('test', 'silent'));
    const caller = {
      address: xdsAddress,
      roots: readFileSync(rootCertificate, 'utf8'),
      token: await issueToken(key, { namespace: 'default', serviceAccount: 'early', ttlSeconds: 600 }, systemClock),
      serverName: CONTROL_PLANE_NAME,
    };
    const ask = (uri: string): Promise<readonly string[]> => requestCertificate(caller, `spiffe://${uri}`);
    expect(await ask('old.example/ns/default/sa/early')).not.toHaveLength(0);
    expect(await ask('new.example/ns/default/sa/early')).not.toHaveLength(0);
    await expect(ask('third.example/ns/default/sa/early')).rejects.toThrow(/PERMISSION_DENIED/);
    await expect(ask('old.example/ns/default/sa/late')).rejects.toThrow(/PERMISSION_DENIED/);
  });

  it('and once the alias is gone, the old domain gets nothing', async () => {
    await becomes('trustDomain: new.example');
    await fields.mesh.until('the old domain refused', async () => {
      expect(await withCertificateOf('spiffe://old.example/ns/default/sa/early')).toBe('');
    });
  });
});
