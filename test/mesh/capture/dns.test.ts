import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TYPE } from '../../../common/xds/type-urls.js';
import { NAME_TABLE } from '../../../control-plane/translate/name-table.js';
import { nodeOf, runCase } from '../../../control-plane/translate/testing/case.js';
import { translate } from '../../../control-plane/translate/translate.js';
import { TestCa } from '../../../proxy/tls/testing.js';
import { TestXdsServer } from '../../../proxy/xds/testing.js';
import { checkout, weft } from '../../support/demo-process.js';
import { Pod, whyNoNamespaces } from '../../support/network-namespaces.js';
import { staticBootstrap } from '../../support/static-bootstrap.js';

const missing = whyNoNamespaces();
const PROXY_UID = 1337;
const SOURCES = join(checkout, 'test', 'mesh', 'capture');
const SERVER4 = '10.77.9.2';

const pod = (name: string, ip: string, app: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: default, labels: {app: ${app}}}
spec: {serviceAccountName: ${name}}
status: {podIP: ${ip}, conditions: [{type: Ready, status: "True"}]}
---`;
const entry = (host: string, ports: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${host.replaceAll('.', '-')}, namespace: default}
spec:
  hosts: [${host}]
  location: MESH_INTERNAL
  resolution: STATIC
  workloadSelector: {labels: {app: shop}}
  ports: [${ports}]
---`;

/** Names without addresses of their own; two of them have a TCP port in common. */
const MESH = `# base: none
# capture: REDIRECT
${pod('client', '10.77.9.1', 'client')}${pod('server', SERVER4, 'shop')}
${entry('web.example.com', '{number: 80, name: http, protocol: HTTP, targetPort: 8080}')}
${entry('greeter.example.com', '{number: 7000, name: tcp, protocol: TCP, targetPort: 3306}')}
${entry('vault.example.com', '{number: 7000, name: tcp, protocol: TCP, targetPort: 8443}')}
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
`;

describe.skipIf(missing !== undefined)('a pod whose packets and name queries are captured', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-dns-'));
  const ca = new TestCa();
  const { snapshot } = runCase(MESH);
  const server = `weft-ds-${process.pid}`;
  const client = `weft-dc-${process.pid}`;
  const xds = new TestXdsServer();
  let pods: Record<'client' | 'server', Pod>;

  /** What the control plane would send; the table of names, which no bootstrap holds, comes over a socket of the folder. */
  function bootstrapOf(name: 'client' | 'server', addresses: readonly string[]): string {
    const dns = name === 'client';
    const node = { ...nodeOf(snapshot, `default/${name}`, 'weft'), addresses, dnsCapture: dns };
    const resources = translate(snapshot, node);
    const identity = { ...ca.issue(`spiffe://cluster.local/ns/default/sa/${name}`), roots: ca.pem };
    const bootstrap = staticBootstrap(resources, identity) as {
      node: object;
      admin: object;
      static_resources: { clusters: object[]; listeners: object[] };
    };
    if (dns) {
      void answerNames(resources.get(TYPE.nameTable)?.get(NAME_TABLE) ?? {});
      Object.assign(bootstrap.node, { metadata: { DNS_CAPTURE: 'true', NAMESPACE: 'default' } });
      const lb_endpoints = [{ endpoint: { address: { pipe: { path: join(folder, 'xds') } } } }];
      const load_assignment = { cluster_name: 'xds', endpoints: [{ lb_endpoints }] };
      bootstrap.static_resources.clusters.push({ name: 'xds', type: 'STATIC', load_assignment });
      const grpc_services = [{ envoy_grpc: { cluster_name: 'xds' } }];
      const ads_config = { api_type: 'DELTA_GRPC', transport_api_version: 'V3', grpc_services };
      Object.assign(bootstrap, { dynamic_resources: { ads_config } });
    }
    const path = join(folder, `${name}.json`);
    writeFileSync(path, JSON.stringify(bootstrap));
    chmodSync(path, 0o644);
    return path;
  }

  async function answerNames(message: object): Promise<void> {
    await xds.next(({ type_url, response_nonce }) => type_url === TYPE.nameTable && response_nonce === undefined);
    xds.sendDelta(TYPE.nameTable, '1', [{ name: NAME_TABLE, version: '1', message }]);
  }

  async function startProxy(name: 'client' | 'server'): Promise<void> {
    const self = pods[name];
    const dns = name === 'client' ? ['--redirect-dns'] : [];
    self.run([process.execPath, weft, 'init', '-d', '15090,15021,15020', ...dns]);
    const path = bootstrapOf(name, [self.ip4]);
    const env = { POD_NAME: name, POD_NAMESPACE: 'default', INSTANCE_IP: self.ip4, SERVICE_ACCOUNT: name };
    const child = self.start([process.execPath, weft, 'proxy', 'sidecar', '-c', path], { uid: PROXY_UID, env });
    await self.untilReady(child);
  }

  beforeAll(async () => {
    chmodSync(folder, 0o755);
    for (const name of ['client.mjs', 'application.mjs']) copyFileSync(join(SOURCES, name), join(folder, name));
    // `ip netns exec` puts it in the place of /etc/resolv.conf.
    mkdirSync(`/etc/netns/${client}`, { recursive: true });
    writeFileSync(`/etc/netns/${client}/resolv.conf`, `nameserver ${SERVER4}\n`);
    pods = { client: new Pod(client, '10.77.9.1', 'fd77:9::1'), server: new Pod(server, SERVER4, 'fd77:9::2') };
    Pod.connect(pods.client, pods.server);
    const own = ca.issue('spiffe://elsewhere/app');
    const material = join(folder, 'app.json');
    writeFileSync(material, JSON.stringify({ cert: own.certificateChain, key: own.privateKey }));
    pods.server.start([process.execPath, join(folder, 'application.mjs'), material]);
    pods.server.start([process.execPath, join(SOURCES, 'name-server.mjs'), SERVER4]);
    while (!['application ready', 'name server ready'].every((line) => pods.server.log.includes(line))) await delay(20);
    await xds.listen(`unix:${join(folder, 'xds')}`);
    chmodSync(join(folder, 'xds'), 0o666);
    await startProxy('server');
    await startProxy('client');
  });

  afterAll(async () => {
    xds.stop();
    await pods?.client.remove();
    await pods?.server.remove();
    rmSync(`/etc/netns/${client}`, { recursive: true, force: true });
    rmSync(folder, { recursive: true });
  });

  function talk(host: string, port: number, kind: 'tcp' | 'tls'): string {
    const out = pods.client.run([process.execPath, join(folder, 'client.mjs'), kind, host, String(port)]);
    const { text, error } = JSON.parse(out) as { text: string; error?: string };
    return error ?? text;
  }

  it('calls a name without an address of its own, by mesh TLS', () => {
    const out = pods.client.run(['curl', '-s', '-m', '8', '-w', ' %{remote_ip}', 'http://web.example.com/a']);
    expect(out).toMatch(/^\/a web\.example\.com .*URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/client/);
    expect(out).toMatch(/ 240\.240\.\d+\.\d+$/);
  });

  it('tells two TCP services of one port by the addresses that their names lead to', () => {
    expect(talk('greeter.example.com', 7000, 'tcp')).toBe('hello you said hi');
    expect(talk('vault.example.com', 7000, 'tls')).toBe('tls for app.example');
  });

  it('asks the pod’s own name server for what the mesh does not know', async () => {
    const resolve = (name: string): string => pods.client.run(['getent', 'ahostsv4', name], 0).split(/\s/)[0] ?? '';
    expect(resolve('outside.test')).toBe(SERVER4);
    expect(() => resolve('nobody.test')).toThrow();
    await expect.poll(() => pods.server.log.join('\n')).toContain('asked for A outside.test by 10.77.9.1');
    expect(pods.server.log.filter((line) => line.includes('example.com'))).toEqual([]);
  });
});
