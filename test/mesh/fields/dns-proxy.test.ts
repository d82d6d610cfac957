import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DecodedPacket, decode, encode } from 'dns-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../../cli/demo/free-ports.js';
import { getText } from '../../../cli/mesh/http.js';
import { TestMesh } from '../../support/mesh.js';

const mesh = new TestMesh();
let port = 0;
let admin = '';

const CLIENT = `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: client}
spec: {address: 127.0.0.1, ports: {http: 9}, labels: {app: client}, serviceAccount: client}
`;

function entry(host: string, extra = ''): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${host.replaceAll('.', '-')}}
spec: {hosts: [${host}], resolution: DNS, ports: [{number: 80, name: http}]${extra}}
`;
}

beforeAll(async () => {
  await mesh.start({
    'client.yaml': CLIENT,
    'entries.yaml': `${entry('api.example.com')}---\n${entry('known.example.com', ', addresses: [192.0.2.7]')}`,
  });
  const workload = await mesh.workload('client');
  const { debugUrl } = mesh.controlPlane();
  const bootstrap = JSON.parse(await getText(`${debugUrl}/debug/bootstrap?workload=default/client`)) as {
    node: { metadata: Record<string, unknown> };
  };
  [port = 0] = await freePorts(1);
  Object.assign(bootstrap.node.metadata, { DNS_CAPTURE: 'true', DNS_PROXY_ADDR: `127.0.0.1:${port}` });
  const file = join(mesh.folder, 'client.json');
  writeFileSync(file, JSON.stringify(bootstrap), { mode: 0o600 });
  expect(readFileSync(file, 'utf8')).toContain('DNS_CAPTURE');
  mesh.restartSidecar('client');
  admin = `http://${workload.address}:${workload.sidecar?.admin}`;
  await mesh.until('the sidecar', () => getText(`${admin}/ready`));
});
afterAll(() => mesh.dispose());

/** Undefined when no answer comes in a second. */
function ask(name: string): Promise<DecodedPacket | undefined> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      socket.close();
      resolve(undefined);
    }, 1000);
    socket.on('message', (bytes) => {
      clearTimeout(timer);
      socket.close();
      resolve(decode(bytes));
    });
    socket.send(encode({ type: 'query', id: 7, questions: [{ type: 'A', name }] }), port, '127.0.0.1');
  });
}

async function addressOf(name: string): Promise<unknown> {
  const [first] = (await ask(name))?.answers ?? [];
  if (first === undefined) throw new Error(`${name} has no address`);
  return (first as { data?: unknown }).data;
}

describe('a sidecar with a DNS proxy', () => {
  it('answers hosts of ServiceEntries, with their addresses or with those that the mesh gives', async () => {
    expect(await mesh.until('an address', () => addressOf('api.example.com'))).toMatch(/^240\.240\.\d+\.\d+$/);
    expect(await addressOf('known.example.com')).toBe('192.0.2.7');
  });

  it('follows the configuration', async () => {
    const before = await addressOf('api.example.com');
    mesh.write(
      'entries.yaml',
      `${entry('api.example.com')}---\n${entry('new.example.com', ', addresses: [192.0.2.8]')}`,
    );
    expect(await mesh.until('the new name', () => addressOf('new.example.com'))).toBe('192.0.2.8');
    expect(await addressOf('api.example.com')).toBe(before);
  });

  it('counts', async () => {
    expect(await getText(`${admin}/stats/prometheus`)).toMatch(/^dns_requests_total [1-9]/m);
  });
});
