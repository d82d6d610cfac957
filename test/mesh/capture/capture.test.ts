import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCa } from '../../../proxy/tls/testing.js';
import { checkout, weft } from '../../support/demo-process.js';
import { Pod, whyNoNamespaces } from '../../support/network-namespaces.js';
import { captureBootstrap, SERVICE } from './bootstrap.js';

const missing = whyNoNamespaces();
if (missing !== undefined) process.stdout.write(`capture in network namespaces: skipped, ${missing}\n`);

const PROXY_UID = 1337;
/** The connection ends, one way or the other, without a byte. */
const REFUSED = /^(?:ECONNRESET)?$/;
const SOURCES = join(checkout, 'test', 'mesh', 'capture');
const CLIENT = 'spiffe://cluster.local/ns/default/sa/client';
const SERVER = 'spiffe://cluster.local/ns/default/sa/server';

const folder = mkdtempSync(join(tmpdir(), 'weft-capture-'));
const ca = new TestCa();

function file(name: string, value: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(value));
  chmodSync(path, 0o644);
  return path;
}

/** Rules first, as the init container does it, then the proxy as its user. */
function startProxy(pod: Pod, identity: string, server: Pod, transparent = false): void {
  const uid = transparent ? 0 : PROXY_UID;
  const mode = transparent ? ['-m', 'TPROXY', '-u', '0'] : [];
  pod.run([process.execPath, weft, 'init', '-d', '15090,15021,15020', ...mode]);
  const roots = ca.pem;
  const bootstrap = captureBootstrap({
    ...ca.issue(identity),
    roots,
    server4: server.ip4,
    server6: server.ip6,
    transparent,
  });
  const path = file(`${pod.name}.json`, bootstrap);
  const httpGet = { path: '/ready', port: 8080 };
  pod.start([process.execPath, weft, 'proxy', 'sidecar', '-c', path], {
    uid,
    gid: PROXY_UID,
    env: {
      POD_NAME: pod.name,
      POD_NAMESPACE: 'default',
      INSTANCE_IP: pod.ip4,
      SERVICE_ACCOUNT: 'any',
      TERMINATION_DRAIN_DURATION_SECONDS: '1',
      ISTIO_KUBE_APP_PROBERS: JSON.stringify({
        '/app-health/app/readyz': { httpGet, timeoutSeconds: 5 },
        '/app-health/app/livez': { tcpSocket: { port: 3306 }, timeoutSeconds: 5 },
      }),
      ISTIO_PROMETHEUS_ANNOTATIONS: '{"scrape":"true","port":"8080","path":"/app-metrics"}',
    },
  });
  pod.run([process.execPath, weft, 'wait', '--timeoutSeconds', '20', '--periodMillis', '100']);
}

function ask(from: Pod, kind: 'http' | 'tcp' | 'tls', host: string, port: number, uid?: number) {
  const out = from.run([process.execPath, join(folder, 'client.mjs'), kind, host, String(port)], uid);
  const { text, error } = JSON.parse(out) as { text: string; error?: string };
  return error ?? text.slice(kind === 'http' ? text.indexOf('\r\n\r\n') + 4 : 0);
}

/** What the container of the pod runs, as a user who is not the proxy's. */
async function startApplication(pod: Pod): Promise<void> {
  const own = ca.issue('spiffe://elsewhere/app');
  const material = file('app.json', { cert: own.certificateChain, key: own.privateKey });
  pod.start([process.execPath, join(folder, 'application.mjs'), material], { uid: 1000 });
  while (!pod.log.includes('application ready')) await delay(20);
}

beforeAll(() => {
  chmodSync(folder, 0o755);
  for (const name of ['client.mjs', 'application.mjs']) copyFileSync(join(SOURCES, name), join(folder, name));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(missing !== undefined)('captured pods', () => {
  let client: Pod;
  let server: Pod;

  beforeAll(async () => {
    client = new Pod(`weft-c-${process.pid}`, '10.77.7.1', 'fd77::1');
    server = new Pod(`weft-s-${process.pid}`, '10.77.7.2', 'fd77::2');
    Pod.connect(client, server);
    await startApplication(server);
    startProxy(server, SERVER, server);
    startProxy(client, CLIENT, server);
  });

  afterAll(async () => {
    await client?.remove();
    await server?.remove();
  });

  it.each([
    ['IPv4', SERVICE.v4, '127.0.0.6'],
    ['IPv6', SERVICE.v6, '::6'],
  ])(
    'speak HTTP to a service over %s, by mutual TLS, and the application learns who asked',
    (_family, host, source) => {
      const answer = ask(client, 'http', host, SERVICE.http);
      expect(answer).toContain('/path shop');
      expect(answer).toContain(`URI=${CLIENT}`);
      expect(answer).toMatch(new RegExp(`from (::ffff:)?${source.replaceAll('.', '\\.')}$`));
    },
  );

  it.each([
    ['IPv4', SERVICE.v4],
    ['IPv6', SERVICE.v6],
  ])('let a server speak first over %s, and halves of a connection end by themselves', (_family, host) => {
    expect(ask(client, 'tcp', host, SERVICE.greeter)).toBe('hello you said hi');
  });

  it('reach by address what the mesh does not know, and leave its TLS alone', () => {
    expect(ask(client, 'tls', server.ip4, 8443)).toBe('tls for app.example');
    expect(ask(client, 'tls', server.ip6, 8443)).toBe('tls for app.example');
  });

  it('call themselves by their service, through both sides of their own sidecar', () => {
    expect(ask(server, 'http', SERVICE.v4, SERVICE.http)).toContain(`URI=${SERVER}`);
    expect(ask(server, 'http', SERVICE.v6, SERVICE.http)).toContain(`URI=${SERVER}`);
  });

  it('are left alone on loopback and by their own address', () => {
    expect(ask(server, 'http', '127.0.0.1', 8080)).toMatch(/ - from (::ffff:)?127\.0\.0\.1$/);
    expect(ask(server, 'http', server.ip4, 8080)).toContain(server.ip4);
  });

  it('do not go in circles', () => {
    expect(ask(client, 'tcp', '127.0.0.1', 15001)).toBe('');
    expect(ask(client, 'tcp', server.ip4, 15006, PROXY_UID)).toBe('');
    expect(ask(client, 'tcp', server.ip6, 15006, PROXY_UID)).toBe('');
  });

  it('answer the kubelet and Prometheus without being captured', () => {
    const get = (port: number, path: string): string =>
      client.run(['curl', '-s', '-w', ' %{http_code}', `http://${server.ip4}:${port}${path}`], PROXY_UID);
    expect(get(15021, '/healthz/ready')).toBe(' 200');
    expect(get(15020, '/app-health/app/readyz')).toMatch(
      /^\/ready 10\.77\.7\.2:8080 - from (::ffff:)?127\.0\.0\.6 200$/,
    );
    expect(get(15020, '/app-health/app/livez')).toBe(' 200');
    expect(get(15020, '/stats/prometheus')).toContain('/app-metrics localhost:8080 -');
    expect(get(15090, '/stats/prometheus')).toMatch(/envoy_server_live 1/);
    expect(get(15020, '/quitquitquit')).toBe('POST only\n 405');
  });

  it('may have their rules set again', () => {
    const before = server.run(['iptables', '-t', 'nat', '-S']);
    server.run([process.execPath, weft, 'init', '-d', '15090,15021,15020']);
    expect(server.run(['iptables', '-t', 'nat', '-S'])).toBe(before);
    expect(ask(client, 'tcp', SERVICE.v4, SERVICE.greeter)).toBe('hello you said hi');
  });

  it('end when a Job says so', async () => {
    client.run([process.execPath, weft, 'request', 'POST', 'quitquitquit']);
    const deadline = Date.now() + 20_000;
    const up = (): boolean => {
      try {
        client.run(['curl', '-s', '-f', 'http://127.0.0.1:15021/healthz/ready']);
        return true;
      } catch {
        return false;
      }
    };
    while (up() && Date.now() < deadline) await delay(100);
    expect(up()).toBe(false);
  });
});

describe.skipIf(missing !== undefined)('a pod with transparent interception', () => {
  let client: Pod;
  let server: Pod;

  beforeAll(async () => {
    client = new Pod(`weft-d-${process.pid}`, '10.77.8.1', 'fd78::1');
    server = new Pod(`weft-t-${process.pid}`, '10.77.8.2', 'fd78::2');
    Pod.connect(client, server);
    await startApplication(server);
    startProxy(server, SERVER, server, true);
  });

  afterAll(async () => {
    await client?.remove();
    await server?.remove();
  });

  it('is served by its sidecar, which learns where connections were going', () => {
    expect(ask(client, 'tls', server.ip4, 8443)).toBe('tls for app.example');
    expect(ask(client, 'tls', server.ip6, 8443)).toBe('tls for app.example');
  });

  it('refuses plain text on ports that are strict', () => {
    expect(ask(client, 'http', server.ip4, 8080)).toMatch(REFUSED);
    expect(ask(client, 'http', server.ip6, 8080)).toMatch(REFUSED);
  });

  it('calls itself by its service', () => {
    expect(ask(server, 'http', SERVICE.v4, SERVICE.http, 1000)).toContain(`URI=${SERVER}`);
  });
});
