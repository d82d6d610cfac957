import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../../cli/demo/free-ports.js';
import { getText } from '../../../cli/mesh/http.js';
import { weft } from '../../support/demo-process.js';
import { TestMesh } from '../../support/mesh.js';

const ENTRY = `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-1, namespace: default, labels: {app: web}}
spec: {address: 127.0.0.1, serviceAccount: web, labels: {app: web}, ports: {http: 8080}}
`;
/** An address of this machine under which another pod would come; loopback is the pod's own. */
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

const mesh = new TestMesh();
let ports: { admin: number; status: number; health: number; metrics: number; debug: number };

beforeAll(async () => {
  const { xdsAddress, rootCertificate } = await mesh.start({ 'web.yaml': ENTRY });
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
  ports = { admin, status, health, metrics, debug: Number(new URL(debugUrl).port) };
  mesh.spawn('sidecar', process.execPath, [weft, 'proxy', 'sidecar', '--domain', 'default.svc.cluster.local'], {
    ...{ POD_NAME: 'web-1', POD_NAMESPACE: 'default', INSTANCE_IP: '127.0.0.1', SERVICE_ACCOUNT: 'web' },
    ...{ CA_ADDR: xdsAddress, XDS_ROOT_CA: root, WEFT_TOKEN_PATH: bootstrap.node.metadata.TOKEN_PATH },
    ...{ WEFT_POD_INFO: info, ENVOY_STATUS_PORT: String(health), ENVOY_PROMETHEUS_PORT: String(metrics) },
    PROXY_CONFIG: JSON.stringify({ proxyAdminPort: admin, statusPort: status }),
  });
  await mesh.until('the sidecar', () => getText(`http://127.0.0.1:${health}/healthz/ready`));
});
afterAll(() => mesh.dispose());

interface Ask {
  readonly host?: string;
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The status, or 0 when no connection comes about. */
function ask({ host = '127.0.0.1', ...rest }: Ask): Promise<number> {
  return new Promise((resolve) => {
    const sent = request({ host, agent: false, ...rest }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', () => resolve(0));
    sent.end();
  });
}

const alive = async (): Promise<void> => {
  expect(await ask({ port: ports.health, path: '/healthz/ready' })).toBe(200);
};

describe.skipIf(outside === undefined)('from another pod', () => {
  const there = (port: number, path: string, method = 'GET'): Promise<number> =>
    ask({ ...(outside !== undefined && { host: outside }), port, path, method });

  it.each(['/config_dump', '/quitquitquit', '/certs', '/logging?level=off', '/stats', '/ready'])(
    'the admin port has no %s: nobody listens there',
    async (path) => {
      for (const method of ['GET', 'POST']) expect(await there(ports.admin, path, method)).toBe(0);
      await alive();
    },
  );

  it.each(['/quitquitquit', '/drain'])('%s of the status port is refused', async (path) => {
    expect(await there(ports.status, path, 'POST')).toBe(403);
    for (const method of ['GET', 'PUT', 'HEAD']) expect(await there(ports.status, path, method)).toBe(405);
    await alive();
  });

  it.each([
    '/config_dump',
    '/certs',
    '/clusters',
    '/logging',
    '/debug/pprof',
    '/app-health/web/readyz',
    '/%2e%2e/certs',
  ])('the status port has no %s', async (path) => {
    expect(await there(ports.status, path)).toBe(404);
  });

  it('readiness and metrics are for everybody, and nothing else on their ports', async () => {
    expect(await there(ports.status, '/healthz/ready')).toBe(200);
    expect(await there(ports.health, '/healthz/ready')).toBe(200);
    expect(await there(ports.metrics, '/stats/prometheus')).toBe(200);
    for (const port of [ports.health, ports.metrics])
      for (const path of ['/quitquitquit', '/drain', '/config_dump', '/stats', '/'])
        expect(await there(port, path, 'POST')).toBe(404);
    await alive();
  });

  it('the control plane’s debug port of a machine does not listen', async () => {
    expect(await there(ports.debug, '/debug/syncz')).toBe(0);
  });
});

describe('a web page that a browser on this machine has open', () => {
  const PAGES: readonly [name: string, port: () => number, path: string][] = [
    ['the admin port', () => ports.admin, '/config_dump'],
    ['the debug port', () => ports.debug, '/debug/config_dump?proxy=default/web-1'],
    ['the debug port’s bootstraps', () => ports.debug, '/debug/bootstrap?workload=default/web-1'],
  ];

  it.each(PAGES)('reads nothing of %s by a name that DNS leads here', async (_name, port, path) => {
    for (const host of [
      'rebound.evil.test',
      `rebound.evil.test:${port()}`,
      '127.0.0.1.evil.test',
      'localhost.evil.test',
      '10.0.0.1',
    ]) {
      expect([host, await ask({ port: port(), path, headers: { host } })]).toEqual([host, 403]);
    }
    expect(await ask({ port: port(), path, headers: { host: `localhost:${port()}` } })).not.toBe(403);
  });

  it.each([
    { origin: 'https://evil.test' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1' },
    { 'sec-fetch-site': 'cross-site' },
  ])('cannot stop the proxy by a form: %j', async (headers) => {
    const form = { 'content-type': 'application/x-www-form-urlencoded', ...headers };
    for (const port of [ports.admin, ports.status])
      for (const path of ['/quitquitquit', port === ports.admin ? '/drain_listeners' : '/drain'])
        expect(await ask({ port, path, method: 'POST', headers: form })).toBe(403);
    await alive();
  });

  it('cannot stop it by an image or a link', async () => {
    expect(await ask({ port: ports.admin, path: '/quitquitquit' })).toBe(405);
    expect(await ask({ port: ports.status, path: '/quitquitquit' })).toBe(405);
    await alive();
  });
});
