import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PortAllotments } from '../../model/allotment.js';
import type { ConfigSet } from '../source.js';
import { isPortFree, PortAllotter } from './allotments.js';
import { mergeFiles } from './config-set.js';
import { readFile as readConfig } from './file-state.js';

let folder: string;
let stateFile: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-ports-'));
  stateFile = join(folder, 'state', 'ports.json');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

function config(text: string): ConfigSet {
  const file = readConfig({ name: 'a.yaml', text, fault: undefined }, undefined);
  expect(file.findings).toEqual([]);
  return mergeFiles([file], []);
}

const workload = (name: string, spec: string, metadata = ''): string => `
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}${metadata} }
spec: ${spec}
`;

const allotter = (isFree: (port: number) => Promise<boolean> = async () => true, random = 0): PortAllotter =>
  new PortAllotter({ stateFile, isFree, random: () => random });

/** Every port of every sidecar. */
function allPorts(allotments: PortAllotments): number[] {
  return [...allotments.values()].flatMap(({ inbound, outbound, admin }) => [...inbound.values(), outbound, admin]);
}

const REVIEWS = workload('reviews-v1', '{ address: 127.0.0.1, ports: { http: 9080 }, labels: { app: reviews } }');

describe('PortAllotter', () => {
  it('gives each application port one, and two more for the outbound proxy and the admin port', async () => {
    const allotments = await allotter().update(config(REVIEWS));
    expect([...allotments.values()]).toEqual([
      {
        kind: 'ports',
        workload: 'default/reviews-v1',
        address: '127.0.0.1',
        inbound: new Map([[9080, 20_000]]),
        outbound: 20_001,
        admin: 20_002,
      },
    ]);
  });

  it('knows the ports at which services reach their workloads', async () => {
    const text = `${workload('w', '{ address: 127.0.0.1, ports: { http: 9080, tcp: 7000 }, labels: { app: w } }')}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: se }
spec:
  hosts: [w.example.com]
  resolution: STATIC
  workloadSelector: { labels: { app: w } }
  ports: [{ number: 80, name: http }, { number: 81, name: more, targetPort: 8081 }, { number: 82, name: other }]
---
apiVersion: v1
kind: Service
metadata: { name: svc }
spec:
  selector: { app: w }
  ports: [{ port: 90, targetPort: 9090 }, { name: a, port: 91 }, { name: b, port: 92, targetPort: tcp }]
---
apiVersion: v1
kind: Service
metadata: { name: other }
spec: { selector: { app: other }, ports: [{ port: 99 }] }
---
apiVersion: v1
kind: Service
metadata: { name: elsewhere, namespace: far }
spec: { selector: { app: w }, ports: [{ port: 98 }] }
`;
    const [ports] = [...(await allotter().update(config(text))).values()];
    expect([...ports!.inbound.keys()]).toEqual([82, 91, 7000, 8081, 9080, 9090]);
  });

  it('leaves out workloads without a sidecar or without an address', async () => {
    const text = [
      workload('label', '{ address: 127.0.0.1, labels: { sidecar.istio.io/inject: "false" } }'),
      workload('annotation', '{ address: 127.0.0.1 }', ', annotations: { sidecar.istio.io/inject: "false" }'),
      workload('socket', '{ address: "unix:///run/app.sock" }'),
      workload('with', '{ address: 127.0.0.1, labels: { sidecar.istio.io/inject: "true" } }'),
    ].join('');
    expect([...(await allotter().update(config(text))).keys()]).toEqual(['default/with']);
  });

  it('gives the same after a restart and after edits, without trying ports that are in use by then', async () => {
    const first = await allotter().update(config(REVIEWS));
    const again = allotter(async () => false);
    expect(await again.update(config(REVIEWS))).toEqual(first);
    expect(await again.update(config('{}'.replace('{}', '')))).toEqual(new Map());
    expect(await again.update(config(REVIEWS))).toEqual(first);
    const more = await allotter(undefined, 0.5).update(config(REVIEWS.replace('9080 }', '9080, tcp: 9081 }')));
    expect(more.get('default/reviews-v1')?.inbound.get(9080)).toBe(20_000);
    expect(more.get('default/reviews-v1')?.inbound.get(9081)).toBe(26_000);
  });

  it('passes over ports that are taken or that an application is to have', async () => {
    const text = `${REVIEWS}${workload('b', '{ address: 127.0.0.1, ports: { http: 20001 } }')}`;
    const allotments = await allotter(async (port) => port % 2 === 1).update(config(text));
    const ports = allPorts(allotments);
    expect(ports.every((port) => port % 2 === 1 && port !== 20_001)).toBe(true);
    expect(new Set(ports).size).toBe(6);
  });

  it('really tries a port', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect(await isPortFree(port)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await isPortFree(port)).toBe(true);
  });

  it('replaces a port that was found taken, and no other', async () => {
    const ports = allotter();
    await ports.update(config(REVIEWS));
    const [changed] = [...(await ports.reallot('default/reviews-v1', 20_001)).values()];
    expect(changed).toMatchObject({ inbound: new Map([[9080, 20_000]]), outbound: 20_003, admin: 20_002 });
    expect(await ports.reallot('default/nobody', 1)).toEqual(await ports.update(config(REVIEWS)));
    expect(await allotter().update(config(REVIEWS))).toEqual(await ports.update(config(REVIEWS)));
  });

  it('keeps its file to itself', async () => {
    await allotter().update(config(REVIEWS));
    expect((await stat(stateFile)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(stateFile, 'utf8'))).toEqual({
      version: 1,
      workloads: { 'default/reviews-v1': { inbound: { 9080: 20_000 }, outbound: 20_001, admin: 20_002 } },
    });
  });

  it.each([
    ['no JSON', '{', 1],
    ['something else', '[]', 1],
    ['ports out of range', '{"workloads":{"default/reviews-v1":{"inbound":{},"outbound":0,"admin":70000}}}', 0],
    [
      'one port given twice',
      '{"workloads":{"default/reviews-v1":{"inbound":{"9080":20000},"outbound":20000,"admin":20001}}}',
      0,
    ],
  ])('allots anew from a state file with %s', async (_, text, warnings) => {
    await allotter().update(config(REVIEWS));
    await writeFile(stateFile, text);
    const warned: string[] = [];
    const ports = new PortAllotter({
      stateFile,
      isFree: async () => true,
      random: () => 0,
      onWarning: (line) => warned.push(line),
    });
    expect(allPorts(await ports.update(config(REVIEWS)))).toEqual([20_000, 20_001, 20_002]);
    expect(warned.length).toBe(warnings);
  });

  it('says when no port is left, and works on when there is one again', async () => {
    let free = false;
    const ports = allotter(async () => free);
    await expect(ports.update(config(REVIEWS))).rejects.toThrow(/no free port from 20000/);
    free = true;
    expect((await ports.update(config(REVIEWS))).size).toBe(1);
  });

  it('never gives one port twice to callers at the same time', async () => {
    const ports = allotter();
    const text = Array.from({ length: 30 }, (_, i) =>
      workload(`w${i}`, '{ address: 127.0.0.1, ports: { http: 80 } }'),
    ).join('');
    await ports.update(config(text));
    const results = await Promise.all([
      ports.update(config(text)),
      ports.reallot('default/w1', 20_004),
      ports.update(config(text)),
    ]);
    for (const result of results) expect(new Set(allPorts(result)).size).toBe(90);
  });
});
