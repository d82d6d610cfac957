import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCa } from '../../../proxy/tls/testing.js';
import { checkout, weft } from '../../support/demo-process.js';
import { Pod, whyNoNamespaces } from '../../support/network-namespaces.js';
import { captureBootstrap } from '../capture/bootstrap.js';

const missing = whyNoNamespaces();
if (missing !== undefined) process.stdout.write(`leaving a pod without its sidecar: skipped, ${missing}\n`);

const PROXY_UID = 1337;
const SOURCES = join(checkout, 'test', 'mesh', 'capture');
const folder = mkdtempSync(join(tmpdir(), 'weft-leaving-'));
const ca = new TestCa();

/** A pod whose sidecar sends nothing to whom the mesh does not know, as REGISTRY_ONLY has it. */
function registryOnly(server: Pod): string {
  const identity = { ...ca.issue('spiffe://cluster.local/ns/default/sa/client'), roots: ca.pem };
  const bootstrap = captureBootstrap({ ...identity, server4: server.ip4, server6: server.ip6 });
  return JSON.stringify(bootstrap).replaceAll(
    '"stat_prefix":"PassthroughCluster","cluster":"PassthroughCluster"',
    '"stat_prefix":"BlackHoleCluster","cluster":"BlackHoleCluster"',
  );
}

describe.skipIf(missing !== undefined)('a pod under REGISTRY_ONLY', () => {
  let client: Pod;
  let server: Pod;

  beforeAll(async () => {
    chmodSync(folder, 0o755);
    for (const name of ['client.mjs', 'application.mjs']) copyFileSync(join(SOURCES, name), join(folder, name));
    client = new Pod(`weft-lc-${process.pid}`, '10.77.9.1', 'fd79::1');
    server = new Pod(`weft-ls-${process.pid}`, '10.77.9.2', 'fd79::2');
    Pod.connect(client, server);
    const own = ca.issue('spiffe://elsewhere/app');
    const material = join(folder, 'app.json');
    writeFileSync(material, JSON.stringify({ cert: own.certificateChain, key: own.privateKey }), { mode: 0o644 });
    server.start([process.execPath, join(folder, 'application.mjs'), material], { uid: 1000 });
    while (!server.log.includes('application ready')) await delay(20);
    client.run([process.execPath, weft, 'init', '-d', '15090,15021,15020']);
    const file = join(folder, 'client.json');
    writeFileSync(file, registryOnly(server), { mode: 0o644 });
    client.start([process.execPath, weft, 'proxy', 'sidecar', '-c', file], {
      uid: PROXY_UID,
      gid: PROXY_UID,
      env: { POD_NAME: client.name, POD_NAMESPACE: 'default', INSTANCE_IP: client.ip4, SERVICE_ACCOUNT: 'any' },
    });
    client.run([process.execPath, weft, 'wait', '--timeoutSeconds', '20', '--periodMillis', '100']);
  });
  afterAll(async () => {
    await client?.remove();
    await server?.remove();
    rmSync(folder, { recursive: true });
  });

  function ask(kind: 'tcp' | 'tls' | 'http', host: string, port: number, uid: number): string {
    const out = client.run([process.execPath, join(folder, 'client.mjs'), kind, host, String(port)], uid);
    const { text, error } = JSON.parse(out) as { text: string; error?: string };
    return error ?? text;
  }

  const USERS: readonly [who: string, uid: number][] = [
    ['its user', 1000],
    ['root', 0],
    ['a user next to the proxy’s', PROXY_UID + 1],
    ['a large uid', 4_000_000],
  ];

  it.each(USERS)('does not get out as %s, on any port, by IPv4 or IPv6', (_who, uid) => {
    for (const [kind, port] of [
      ['tls', 8443],
      ['tcp', 3306],
      ['http', 8080],
    ] as const)
      for (const host of [server.ip4, server.ip6]) expect(ask(kind, host, port, uid)).toMatch(/^(?:ECONNRESET)?$/);
  });

  it('gets out as the proxy’s own user, which only a NetworkPolicy prevents', () => {
    expect(ask('tls', server.ip4, 8443, PROXY_UID)).toContain('app.example');
  });
});
