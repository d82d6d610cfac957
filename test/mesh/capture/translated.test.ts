import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeOf, runCase } from '../../../control-plane/translate/testing/case.js';
import { translate } from '../../../control-plane/translate/translate.js';
import { TestCa } from '../../../proxy/tls/testing.js';
import { checkout, weft } from '../../support/demo-process.js';
import { findEnvoy } from '../../support/envoy.js';
import { Pod, whyNoNamespaces } from '../../support/network-namespaces.js';
import { staticBootstrap } from '../../support/static-bootstrap.js';

const missing = whyNoNamespaces();
const envoy = findEnvoy();
const PROXY_UID = 1337;
const SOURCES = join(checkout, 'test', 'mesh', 'capture');
const CLIENT = 'spiffe://cluster.local/ns/default/sa/client';
const V4 = '10.96.8.1';
const V6 = 'fd00:96::8';
const SERVER4 = '10.77.8.2';

const MESH = `# base: none
# capture: REDIRECT
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: default, labels: {app: client}}
spec: {serviceAccountName: client}
status: {podIP: 10.77.8.1, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: default, labels: {app: shop}}
spec: {serviceAccountName: server}
status: {podIP: ${SERVER4}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: default}
spec:
  clusterIP: ${V4}
  clusterIPs: [${V4}, '${V6}']
  selector: {app: shop}
  ports:
    - {name: http, port: 80, targetPort: 8080}
    - {name: tcp-greeter, port: 3306}
    - {name: tls, port: 443, targetPort: 8443}
---
apiVersion: v1
kind: Service
metadata: {name: silent, namespace: default}
spec:
  clusterIP: 10.96.8.2
  selector: {app: shop}
  ports: [{name: words, port: 9000, targetPort: 3307}, {name: requests, port: 9001, targetPort: 8081}]
---
apiVersion: v1
kind: Service
metadata: {name: pods, namespace: default}
spec: {clusterIP: None, selector: {app: shop}, ports: [{name: http, port: 8080}, {name: tcp-greeter, port: 3306}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
`;

type DataPlane = 'weft' | 'envoy';
type Interception = 'REDIRECT' | 'TPROXY';
const PAIRS: readonly (readonly [DataPlane, DataPlane, Interception])[] = [
  ['weft', 'weft', 'REDIRECT'],
  ['envoy', 'weft', 'REDIRECT'],
  ['weft', 'envoy', 'REDIRECT'],
  ['weft', 'weft', 'TPROXY'],
];
const pairs = PAIRS.filter((pair) => envoy !== undefined || !pair.includes('envoy'));

describe.skipIf(missing !== undefined).each(pairs)(
  'pods as we configure them: %s calls %s, %s',
  (caller, called, interception) => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-translated-'));
    const ca = new TestCa();
    let client: Pod;
    let server: Pod;

    function file(name: string, value: unknown): string {
      const path = join(folder, name);
      writeFileSync(path, JSON.stringify(value));
      chmodSync(path, 0o644);
      return path;
    }

    /** Rules first, as the init container does it, then the proxy as its user. */
    async function startProxy(pod: Pod, name: 'client' | 'server', dataPlane: DataPlane): Promise<void> {
      pod.run([process.execPath, weft, 'init', '-d', '15090,15021,15020', '-m', interception]);
      const { snapshot } = runCase(MESH.replace('REDIRECT', interception));
      const node = { ...nodeOf(snapshot, `default/${name}`, dataPlane), addresses: [pod.ip4, pod.ip6] };
      const identity = { ...ca.issue(`spiffe://cluster.local/ns/default/sa/${name}`), roots: ca.pem };
      const path = file(`${name}.json`, staticBootstrap(translate(snapshot, node), identity));
      const env = { POD_NAME: name, POD_NAMESPACE: 'default', INSTANCE_IP: pod.ip4, SERVICE_ACCOUNT: name };
      const command =
        dataPlane === 'weft'
          ? [process.execPath, weft, 'proxy', 'sidecar', '-c', path]
          : [envoy ?? '', '-c', path, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warn'];
      // Transparent sockets are for root; the rules know the proxy by its group then.
      const root = ['setpriv', `--regid=${PROXY_UID}`, '--clear-groups', ...command];
      const child = interception === 'TPROXY' ? pod.start(root, { env }) : pod.start(command, { uid: PROXY_UID, env });
      await pod.untilReady(child);
    }

    beforeAll(async () => {
      chmodSync(folder, 0o755);
      for (const name of ['client.mjs', 'application.mjs']) copyFileSync(join(SOURCES, name), join(folder, name));
      client = new Pod(`weft-tc-${process.pid}`, '10.77.8.1', 'fd77:8::1');
      server = new Pod(`weft-ts-${process.pid}`, SERVER4, 'fd77:8::2');
      Pod.connect(client, server);
      const own = ca.issue('spiffe://elsewhere/app');
      const material = file('app.json', { cert: own.certificateChain, key: own.privateKey });
      server.start([process.execPath, join(folder, 'application.mjs'), material]);
      while (!server.log.includes('application ready')) await delay(20);
      await startProxy(server, 'server', called);
      await startProxy(client, 'client', caller);
    });

    afterAll(async () => {
      await client?.remove();
      await server?.remove();
      rmSync(folder, { recursive: true });
    });

    function get(url: string, host: string, uid?: number): string {
      return client.run(['curl', '-s', '-m', '8', '-H', `host: ${host}`, '-w', ' %{http_code}', url], uid);
    }

    function talk(host: string, port: number, kind: 'tcp' | 'tls' = 'tcp'): string {
      const out = client.run([process.execPath, join(folder, 'client.mjs'), kind, host, String(port)]);
      const { text, error } = JSON.parse(out) as { text: string; error?: string };
      return error ?? text;
    }

    it.each([
      ['a service by its address', `http://${V4}/a`, 'shop'],
      ['a service by its other address', `http://[${V6}]/a`, 'shop.default.svc.cluster.local'],
      ['a headless service', `http://${SERVER4}:8080/a`, 'server.pods'],
      ['a service that declares no protocol', 'http://10.96.8.2:9001/a', 'anything'],
    ])('HTTP to %s goes by mesh TLS', (_name, url, host) => {
      const answer = get(url, host);
      expect(answer).toMatch(/^\/a /);
      expect(answer).toContain(`URI=${CLIENT}`);
      expect(answer).toMatch(/from (::ffff:)?127\.0\.0\.6 200$/);
    });

    it.each([
      ['a service by its address', V4, 3306],
      ['a service by its other address', V6, 3306],
      ['a pod of a headless service', SERVER4, 3306],
      ['a service that declares no protocol', '10.96.8.2', 9000],
    ])('a server speaks first at %s', (_name, host, port) => {
      expect(talk(host, port)).toBe('hello you said hi');
    });

    it('an application keeps its own TLS', () => {
      expect(talk(V4, 443, 'tls')).toBe('tls for app.example');
    });

    it.runIf(caller === 'weft')('it is told before which listener, chain and cluster a connection meets', () => {
      const ask = (query: Record<string, string>): Record<string, unknown> =>
        JSON.parse(client.run(['curl', '-s', `http://127.0.0.1:15000/weft/explain?${new URLSearchParams(query)}`]));
      const shop = 'shop.default.svc.cluster.local';
      const from = (destination: string): object => ({ captured: { listener: 'virtualOutbound', destination } });
      expect(ask({ host: 'shop', path: '/a', ip: V4 })).toMatchObject({
        ...from(`${V4}:80`),
        listener: '0.0.0.0_80',
        protocol: 'http',
      });
      expect(ask({ scheme: 'tcp', host: 'shop:3306', ip: V4 })).toMatchObject({
        ...from(`${V4}:3306`),
        listener: `${V4}_3306`,
        protocol: 'tcp',
        clusters: [{ name: `outbound|3306||${shop}` }],
      });
      expect(ask({ scheme: 'https', host: 'app.example', ip: V4 })).toMatchObject({
        protocol: 'tcp',
        clusters: [{ name: `outbound|443||${shop}` }],
      });
      expect(ask({ scheme: 'tcp', host: `${SERVER4}:9999`, ip: SERVER4 })).toMatchObject({
        listener: 'virtualOutbound',
        clusters: [{ name: 'PassthroughCluster' }],
      });
    });

    it('nobody comes in without mesh TLS', () => {
      expect(() => get(`http://${SERVER4}:8080/a`, 'shop', PROXY_UID)).toThrow();
      expect(() => get(`http://${SERVER4}:8081/a`, 'shop', PROXY_UID)).toThrow();
    });

    it('what the registry does not know is let out as it is, and refused by what takes only the mesh', () => {
      expect(() => get(`http://${SERVER4}:9999/a`, 'shop')).toThrow();
      expect(get(`http://${SERVER4}:8080/a`, 'nobody')).toMatch(/ 503$/);
    });
  },
);
