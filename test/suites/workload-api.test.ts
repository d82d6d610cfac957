import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getText } from '../../cli/mesh/http.js';
import { TestMesh } from '../support/mesh.js';
import { program, run } from './programs.js';

const client = program('workload-client');
if (client === undefined)
  process.stdout.write('go-spiffe against the Workload API: skipped, the program is not there\n');

const OWN = process.getuid?.() ?? 0;
const ENTRY = `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: shop, namespace: default}
spec: {address: 127.0.0.1, serviceAccount: shop, labels: {app: shop}, ports: {http: 8080}}
`;

describe.skipIf(client === undefined)('go-spiffe at a sidecar', () => {
  const mesh = new TestMesh();
  const socket = (name: string): string => join(mesh.folder, 'uds', name);

  async function startSidecar(name: string, uids: string): Promise<void> {
    const { debugUrl } = mesh.controlPlane();
    const text = await getText(`${debugUrl}/debug/bootstrap?workload=default/shop`);
    const bootstrap = JSON.parse(text) as { node: { metadata: Record<string, unknown> }; admin?: unknown };
    const metadata = { ...bootstrap.node.metadata, WORKLOAD_API_SOCKET: socket(name), WORKLOAD_API_UIDS: uids };
    const file = join(mesh.folder, `${name}.json`);
    writeFileSync(file, JSON.stringify({ ...bootstrap, admin: undefined, node: { ...bootstrap.node, metadata } }));
    mesh.spawn(`sidecar ${name}`, process.execPath, ['bin/weft.mjs', 'proxy', '-c', file]);
    await mesh.until('the socket', async () => readFileSync('/proc/net/unix', 'utf8').includes(socket(name)) || fail());
  }

  beforeAll(async () => {
    await mesh.start({ 'shop.yaml': ENTRY }, ['--cert-ttl', '10s']);
  });
  afterAll(() => mesh.dispose());

  it('gets the identity, verifies it, and sees it renewed on the same stream', async () => {
    await startSidecar('mine', String(OWN));
    const { code, output } = await run(client ?? '', [socket('mine'), '2'], 50_000);
    expect(output).not.toMatch(/error|denied/i);
    expect(code).toBe(0);
    const lines = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string; serial: string });
    expect(lines.map(({ id }) => id)).toEqual(Array(2).fill('spiffe://cluster.local/ns/default/sa/shop'));
    expect(new Set(lines.map(({ serial }) => serial)).size).toBe(2);
  });

  it('gets nothing as a user that is not listed', async () => {
    await startSidecar('others', String(OWN + 1));
    const { code, output } = await run(client ?? '', [socket('others'), '1'], 50_000);
    expect(code).toBe(1);
    expect(output).toContain('PermissionDenied');
  });
});

function fail(): never {
  throw new Error('not there yet');
}
