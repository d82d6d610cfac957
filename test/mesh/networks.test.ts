import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePorts } from '../../cli/demo/free-ports.js';
import { all, FieldMesh, serviceOf } from '../support/field-mesh.js';

/** A client of one network, and a service of another behind its gateway, which is known by name. */
const fields = new FieldMesh();

/** No address, but a name that every resolver turns into 127.0.0.1 alone. */
const NAME = '127.1';

beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  await fields.start(
    [
      { name: 'client', labels: { app: 'client' }, extra: 'network: near' },
      { name: 'shop', labels: { app: 'shop' }, extra: 'network: far' },
    ],
    {
      'services.yaml': serviceOf('shop'),
      'mesh.yaml': `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  meshNetworks: |
    networks: {far: {gateways: [{address: "${NAME}", port: ${port}}]}}
`,
      'gateway.yaml': all(
        `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: gateway, namespace: default, annotations: {inject.istio.io/templates: gateway}}
spec: {address: 127.0.0.1, network: far, ports: {tls: ${port}}, serviceAccount: gateway, labels: {app: gateway}}
`,
        `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: gateway, namespace: default}
spec:
  hosts: [gateway.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 15443, name: tls, protocol: TLS}]
  workloadSelector: {labels: {app: gateway}}
`,
        `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross, namespace: default}
spec:
  selector: {app: gateway}
  servers: [{port: {number: 15443, name: tls, protocol: TLS}, hosts: ["*.local"], tls: {mode: AUTO_PASSTHROUGH}}]
`,
      ),
    },
  );
  await fields.mesh.startSidecar('gateway');
});
afterAll(() => fields.dispose());

it('goes from network to network through the gateway, in mTLS from end to end', async () => {
  await fields.mesh.until('the way through the gateway', async () => {
    expect((await fields.call({ host: 'shop' })).status).toBe(200);
  });
  const { seen } = await fields.call({ host: 'shop', path: '/far' });
  expect(String(seen?.headers['x-forwarded-client-cert'])).toContain('URI=spiffe://cluster.local/ns/default/sa/client');
  const { sidecar } = await fields.mesh.workload('gateway');
  const stats = await (
    await fetch(`http://127.0.0.1:${sidecar?.admin}/stats?filter=outbound_.80_._.shop.*upstream_cx_total`)
  ).text();
  expect(stats).toMatch(/upstream_cx_total: [1-9]/);
});
