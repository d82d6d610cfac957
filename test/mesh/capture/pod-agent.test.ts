import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePorts } from '../../../cli/demo/free-ports.js';
import { getText } from '../../../cli/mesh/http.js';
import { weft } from '../../support/demo-process.js';
import { TestMesh } from '../../support/mesh.js';

const mesh = new TestMesh();
const application = createServer((_request, response) => response.end('app_total 1\n'));
let ports: { admin: number; status: number; health: number; metrics: number };

beforeAll(async () => {
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  const { port } = application.address() as AddressInfo;
  const entry = `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-1, namespace: default, labels: {app: web}, annotations: {sidecar.istio.io/inject: "true"}}
spec: {address: 127.0.0.1, serviceAccount: web, labels: {app: web}, ports: {http: ${port}}}
`;
  const { xdsAddress, rootCertificate } = await mesh.start({ 'web.yaml': entry });
  const { debugUrl } = mesh.controlPlane();
  const bootstrap = JSON.parse(await getText(`${debugUrl}/debug/bootstrap?workload=default/web-1`)) as {
    node: { metadata: { TOKEN_PATH: string } };
  };
  const info = join(mesh.folder, 'podinfo');
  mkdirSync(info);
  writeFileSync(join(info, 'labels'), 'app="web"\n');
  const root = join(mesh.folder, 'root.pem');
  copyFileSync(rootCertificate, root);
  const [admin = 0, status = 0, health = 0, metrics = 0] = await freePorts(4);
  ports = { admin, status, health, metrics };
  const args = [weft, 'proxy', 'sidecar', '--domain', 'default.svc.cluster.local', '--proxyLogLevel=warning'];
  mesh.spawn('sidecar', process.execPath, args, {
    POD_NAME: 'web-1',
    POD_NAMESPACE: 'default',
    INSTANCE_IP: '127.0.0.1',
    SERVICE_ACCOUNT: 'web',
    CA_ADDR: xdsAddress,
    XDS_ROOT_CA: root,
    WEFT_TOKEN_PATH: bootstrap.node.metadata.TOKEN_PATH,
    WEFT_POD_INFO: info,
    ISTIO_META_WORKLOAD_NAME: 'web',
    PROXY_CONFIG: JSON.stringify({ proxyAdminPort: admin, statusPort: status }),
    ENVOY_STATUS_PORT: String(health),
    ENVOY_PROMETHEUS_PORT: String(metrics),
    TERMINATION_DRAIN_DURATION_SECONDS: '1',
    ISTIO_PROMETHEUS_ANNOTATIONS: JSON.stringify({ scrape: 'true', port: String(port), path: '/metrics' }),
  });
  await mesh.until('the sidecar', () => getText(`http://127.0.0.1:${health}/healthz/ready`));
});

afterAll(async () => {
  await mesh.dispose();
  application.close();
});

it('joins as the pod that its environment describes, and serves the side ports', async () => {
  const [proxy] = await mesh.proxies();
  expect(proxy).toMatchObject({ namespace: 'default', dataPlane: 'weft' });
  const own = await getText(`http://127.0.0.1:${ports.metrics}/stats/prometheus`);
  expect(own).toContain('envoy_server_live 1');
  const merged = await getText(`http://127.0.0.1:${ports.status}/stats/prometheus`);
  expect(merged).toContain('envoy_server_live 1');
  expect(merged.endsWith('app_total 1\n')).toBe(true);
  const certificates = await getText(`http://127.0.0.1:${ports.admin}/certs`);
  expect(certificates).toContain('spiffe://cluster.local/ns/default/sa/web');
});

it('is not ready any more as soon as it leaves, and ends with code 0 after the drain time', async () => {
  const child = mesh.process('sidecar');
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await mesh.until('not ready', async () => {
    const { status } = await fetch(`http://127.0.0.1:${ports.health}/healthz/ready`);
    if (status !== 503) throw new Error(`still ${status}`);
  });
  expect(await ended).toBe(0);
});
