import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FieldMesh } from '../support/field-mesh.js';

const REQUESTS = 200_000;
const ABORTED = 2_000;
const CONNECTIONS = 5_000;
/** Requests that are given to a connection at once. */
const BATCH = 50;
const LANES = 16;
/** Idle connections to the application that a burst leaves in the pool, as they may be; a leak would be thousands. */
const KEPT = 400;
/** A handshake each: a slow machine needs its time for what still waits to be accepted. */
const SETTLE_MS = 90_000;

const REQUEST = 'GET / HTTP/1.1\r\nHost: plain\r\n\r\n';
const SLOW = 'GET /never HTTP/1.1\r\nHost: plain\r\n\r\n';
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const mesh = new FieldMesh();
/** Answers every head at once, but for those that ask for `/never`: as cheap as it can be. */
const app = net.createServer((socket) => {
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      if (!text.startsWith('GET /never')) socket.write(ANSWER);
      text = text.slice(end + 4);
    }
  });
});
let outbound = 0;
const linux = existsSync('/proc/self/status');

beforeAll(async () => {
  if (!linux) return;
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  await mesh.start([{ name: 'client', labels: { app: 'client' } }], {
    'plain.yaml': `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: plain}
spec: {address: 127.0.0.1, ports: {http: ${(app.address() as AddressInfo).port}}, labels: {app: plain}, serviceAccount: plain}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: plain}
spec:
  hosts: [plain.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: plain}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: plain}
spec: {host: plain, trafficPolicy: {connectionPool: {tcp: {maxConnections: 4096}, http: {http1MaxPendingRequests: 4096, http2MaxRequests: 4096}}}}
`,
  });
  await mesh.mesh.startSidecar('plain');
  outbound = (await mesh.mesh.workload('client')).sidecar?.outbound ?? 0;
  await mesh.apply('');
});
afterAll(async () => {
  app.close();
  await mesh.dispose();
});

async function dial(): Promise<net.Socket> {
  const socket = net.connect({ port: outbound, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

/** Sends so many requests, some at once, and counts the answers that are 200. */
async function ask(socket: net.Socket, count: number): Promise<number> {
  let good = 0;
  let rest = '';
  for (let sent = 0; sent < count; sent += BATCH) {
    const size = Math.min(BATCH, count - sent);
    socket.write(REQUEST.repeat(size));
    for (let came = 0; came < size; ) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      rest += chunk.toString('latin1');
      const heads = rest.split('\r\n\r\n');
      rest = heads.pop() ?? '';
      came += heads.length;
      good += heads.filter((head) => head.includes('HTTP/1.1 200 ')).length;
    }
  }
  return good;
}

/** In so many lanes at once. */
async function inLanes(count: number, work: (share: number) => Promise<number>): Promise<number> {
  const counts = await Promise.all(Array.from({ length: LANES }, () => work(Math.ceil(count / LANES))));
  return counts.reduce((sum, good) => sum + good, 0);
}

const keptConnections = (count: number): Promise<number> =>
  inLanes(count, async (share) => {
    const socket = await dial();
    const good = await ask(socket, share);
    socket.destroy();
    return good;
  });

const ownConnections = (count: number): Promise<number> =>
  inLanes(count, async (share) => {
    let good = 0;
    for (let i = 0; i < share; i++) {
      const socket = await dial();
      good += await ask(socket, 1);
      socket.destroy();
    }
    return good;
  });

const abortedRequests = (count: number): Promise<number> =>
  inLanes(count, async (share) => {
    for (let i = 0; i < share; i++) {
      const socket = await dial();
      socket.write(SLOW);
      await delay(10);
      // Without a reset, each would be given a second to take its answer.
      socket.resetAndDestroy();
    }
    return share;
  });

/** What both sidecars hold: memory, MB, and open files, sockets among them. */
function held(): { memory: number; files: number } {
  let memory = 0;
  let files = 0;
  for (const pid of mesh.mesh.pids(/^sidecar /)) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    memory += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
    files += readdirSync(`/proc/${pid}/fd`).length;
  }
  return { memory, files };
}

/** Half of everything, until nothing of it is left open. */
async function half(files: number): Promise<void> {
  expect(await keptConnections(REQUESTS / 2)).toBeGreaterThanOrEqual(REQUESTS / 2);
  expect(await ownConnections(CONNECTIONS / 2)).toBeGreaterThanOrEqual(CONNECTIONS / 2);
  await abortedRequests(ABORTED / 2);
  await mesh.mesh.until(
    'the connections gone',
    async () => {
      const { files: open } = held();
      if (open > files + KEPT) throw new Error(`${open} files are open, ${files} were before`);
    },
    SETTLE_MS,
  );
  await mesh.mesh.until(
    'the requests gone',
    async () => {
      for (const workload of ['client', 'plain']) {
        const { sidecar } = await mesh.mesh.workload(workload);
        const stats = await (await fetch(`http://127.0.0.1:${sidecar?.admin}/stats`)).text();
        const busy = stats.split('\n').filter((line) => /rq_active: [1-9]/.test(line));
        if (busy.length > 0) throw new Error(`${workload}: ${busy.join(', ')}`);
      }
    },
    SETTLE_MS,
  );
}

describe.skipIf(!linux)('two sidecars', () => {
  it('hold no more after two hundred thousand requests, aborted ones and connections than after the first half', async () => {
    const { files } = held();
    await half(files);
    const { memory } = held();
    await half(files);
    // What the first half has taken is room for the second.
    expect(held().memory).toBeLessThan(memory * 1.25);
  });
});
