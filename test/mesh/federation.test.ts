import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { all, FieldMesh, meshConfig, serviceOf } from '../support/field-mesh.js';

/** Two meshes, each with its own root; `here` trusts the bundle that `there` serves, for names of there only, and the reverse. */
const here = new FieldMesh();
const there = new FieldMesh();

const bundleOf = (mesh: FieldMesh): string => `${mesh.mesh.controlPlane().debugUrl}/spiffe/bundle`;
const settings = (own: string, foreign: string, url: string): string =>
  meshConfig(`trustDomain: ${own}, caCertificates: [{spiffeBundleUrl: "${url}", trustDomains: [${foreign}]}]`);
const STRICT = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
`;
const ALLOW = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: partner}
spec:
  selector: {matchLabels: {app: shop}}
  rules:
    - {from: [{source: {principals: [here.test/ns/default/sa/client]}}], to: [{operation: {paths: [/for-partner*]}}]}
    - {from: [{source: {principals: [there.test/ns/default/sa/own]}}]}
`;

beforeAll(async () => {
  await there.start(
    [
      { name: 'own', labels: { app: 'own' } },
      { name: 'shop', labels: { app: 'shop' } },
    ],
    {
      'services.yaml': serviceOf('shop'),
      'mesh.yaml': meshConfig('trustDomain: there.test'),
      'policy.yaml': all(STRICT, ALLOW),
    },
  );
  await here.start([{ name: 'client', labels: { app: 'client' } }], {
    'mesh.yaml': settings('here.test', 'there.test', bundleOf(there)),
    'partner.yaml': all(
      `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partner}
spec:
  hosts: [shop.partner.test]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1, ports: {http: ${(await there.mesh.workload('shop')).sidecar?.inbound[String(there.app('shop').port)]}}}]
`,
      `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: partner}
spec:
  host: shop.partner.test
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL, subjectAltNames: ["spiffe://there.test/ns/default/sa/shop"]}
`,
    ),
  });
  there.mesh.write('mesh.yaml', settings('there.test', 'here.test', bundleOf(here)));
});
afterAll(async () => {
  await here.dispose();
  await there.dispose();
});

describe('two meshes that exchange their bundles', () => {
  it('call each other by mTLS, and policies tell their workloads apart', async () => {
    const status = async (path: string): Promise<number> =>
      (await here.call({ host: 'shop.partner.test', path })).status;
    await here.mesh.until('both bundles', async () => expect(await status('/for-partner/1')).toBe(200), 40_000);
    expect(await status('/private')).toBe(403);
    expect((await there.call({ host: 'shop', path: '/private' })).status).toBe(200);
    const { seen } = await here.call({ host: 'shop.partner.test', path: '/for-partner/2' });
    expect(String(seen?.headers['x-forwarded-client-cert'])).toContain('URI=spiffe://here.test/ns/default/sa/client');
  });
});
