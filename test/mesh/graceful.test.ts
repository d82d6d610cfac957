import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { FieldMesh, serviceOf } from '../support/field-mesh.js';
import { type Change, changeOf, KINDS } from '../support/graceful-changes.js';

const CHANGES = 2000;
/** Between two changes, ms: the control plane joins those that come together, and each proxy gets what is newest. */
const PACE_MS = 15;

const mesh = new FieldMesh();
const echo = createServer((socket) => {
  socket.on('error', () => {});
  socket.on('data', (chunk) => socket.write(chunk));
});
const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
let outbound = 0;

beforeAll(async () => {
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data))));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  const shop = { app: 'shop' };
  await mesh.start(
    [
      { name: 'client', labels: { app: 'client' } },
      { name: 'shop-v1', labels: { ...shop, version: 'v1' }, account: 'shop' },
      { name: 'shop-v2', labels: { ...shop, version: 'v2' }, account: 'shop' },
    ],
    {
      'services.yaml': serviceOf('shop'),
      'more.yaml': `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: db}
spec:
  address: 127.0.0.1
  ports: {tcp: ${(echo.address() as AddressInfo).port}, http-ws: ${(sockets.address() as AddressInfo).port}}
  labels: {app: db}
  serviceAccount: db
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db}
spec:
  hosts: [db.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 5432, name: tcp, protocol: TCP}, {number: 80, name: http-ws, protocol: HTTP}]
  workloadSelector: {labels: {app: db}}
`,
    },
    '',
    ['--cert-ttl', '10s'],
  );
  await mesh.mesh.startSidecar('db');
  for (const kind of KINDS) {
    const { file, text } = changeOf(kind, 0, ports());
    mesh.mesh.write(file, text);
  }
  outbound = (await mesh.mesh.workload('client')).sidecar?.outbound ?? 0;
  await mesh.apply('');
});
afterAll(async () => {
  echo.close();
  sockets.close();
  await mesh.dispose();
});

/** What changes need to know of the applications. */
function ports(): { readonly shop: number } {
  return { shop: mesh.app('shop-v1').port };
}

/** Clients that go on until they are told to stop, and what they met. */
class Load {
  requests = 0;
  readonly failures: string[] = [];
  private stopped = false;
  private readonly loops: Promise<void>[] = [];

  start(name: string, once: () => Promise<void>): void {
    const loop = async (): Promise<void> => {
      while (!this.stopped) {
        try {
          await once();
        } catch (error) {
          this.failures.push(`${name}: ${String(error)}`);
        }
        this.requests++;
        await delay(10);
      }
    };
    this.loops.push(loop());
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }
}

async function overHttp1(host: string): Promise<void> {
  const { status, headers, body } = await mesh.call({ host });
  if (status !== 200) throw new Error(`${host}: ${status} ${headers['server'] ?? ''} ${body}`);
}

function overHttp2(session: ClientHttp2Session, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': '/', ':authority': host, ':scheme': 'http' });
    let status = 0;
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
    });
    stream.on('error', reject);
    stream.resume();
    stream.on('end', () => (status === 200 ? resolve() : reject(new Error(`${host}: ${status}`))));
    stream.end();
  });
}

/** A connection that stays, and answers what it is sent. */
interface Lasting {
  readonly name: string;
  round(): Promise<void>;
  close(): void;
}

async function tunnel(): Promise<Lasting> {
  const sent = request({ host: '127.0.0.1', port: outbound, method: 'CONNECT', path: 'db:5432', agent: false });
  sent.end();
  const [response, socket] = (await once(sent, 'connect')) as [{ statusCode: number }, Socket];
  if (response.statusCode !== 200) throw new Error(`CONNECT: ${response.statusCode}`);
  let ended = false;
  socket.on('close', () => {
    ended = true;
  });
  return {
    name: 'TCP',
    async round() {
      if (ended) throw new Error('the stream was closed');
      socket.write('ping');
      await once(socket, 'data', { signal: AbortSignal.timeout(20_000) });
    },
    close: () => socket.destroy(),
  };
}

async function webSocket(): Promise<Lasting> {
  const socket = new WebSocket(`ws://127.0.0.1:${outbound}/`, { headers: { host: 'db' } });
  await once(socket, 'open');
  let ended = false;
  socket.on('close', () => {
    ended = true;
  });
  return {
    name: 'WebSocket',
    async round() {
      if (ended) throw new Error('it was closed');
      socket.send('ping');
      await once(socket, 'message', { signal: AbortSignal.timeout(20_000) });
    },
    close: () => socket.terminate(),
  };
}

describe('two thousand changes under load', () => {
  it('cost no request, no stream and no connection of a client', async () => {
    const load = new Load();
    const session = connect(`http://127.0.0.1:${outbound}`);
    let gone = 0;
    session.on('goaway', () => gone++);
    session.on('error', () => gone++);
    const lasting = [await tunnel(), await webSocket()];
    for (const host of ['shop', 'shop', 'ext.test']) {
      load.start(`HTTP/1.1 ${host}`, () => overHttp1(host));
      load.start(`HTTP/2 ${host}`, () => overHttp2(session, host));
    }
    for (const connection of lasting) load.start(connection.name, () => connection.round());
    const changes: Change[] = [];
    for (let i = 0; i < CHANGES; i++) {
      const change = changeOf(KINDS[i % KINDS.length] ?? 'routes', 1 + Math.floor(i / KINDS.length), ports());
      mesh.mesh.write(change.file, change.text);
      changes.push(change);
      await delay(PACE_MS);
    }
    await mesh.apply('');
    await load.stop();
    for (const connection of lasting) connection.close();
    session.destroy();
    expect(load.failures.slice(0, 10)).toEqual([]);
    expect(load.requests).toBeGreaterThan(500);
    expect(gone).toBe(0);
    expect(await refusals()).toEqual([]);
  });
});

/** What a proxy refused. */
async function refusals(): Promise<string[]> {
  const found: string[] = [];
  for (const { workload, types } of await mesh.mesh.proxies()) {
    for (const [type, { lastNack }] of Object.entries(types)) {
      if (lastNack !== undefined && lastNack !== null) found.push(`${workload} ${type}: ${lastNack.reason}`);
    }
  }
  return found;
}

/** Requests of a second in length that are under way, and how each of them ends. */
function slowRequests(): Promise<number[]> {
  const agent = new Agent();
  const one = (): Promise<number> =>
    new Promise((resolve) => {
      const sent = request(
        { host: '127.0.0.1', port: outbound, headers: { host: 'shop', 'x-delay': '1000' }, agent },
        (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
          response.on('error', () => resolve(-1));
        },
      );
      sent.on('error', () => resolve(-2));
      sent.end();
    });
  return Promise.all([one(), one(), one()]);
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

describe('the end of a sidecar', () => {
  const admin = async (path: string): Promise<void> => {
    const { sidecar } = await mesh.mesh.workload('client');
    const answer = await fetch(`http://127.0.0.1:${sidecar?.admin}${path}`, { method: 'POST' });
    expect(answer.status).toBe(200);
  };
  const again = async (): Promise<void> => {
    const { sidecar } = await mesh.mesh.workload('client');
    mesh.mesh.restartSidecar('client');
    await mesh.mesh.until('the sidecar again', async () => {
      const answer = await fetch(`http://127.0.0.1:${sidecar?.admin}/ready`);
      if (answer.status !== 200) throw new Error(String(answer.status));
      const { status } = await mesh.call({ host: 'shop', fresh: true });
      if (status !== 200) throw new Error(String(status));
    });
  };

  it('on SIGTERM comes after what is under way, and with exit code 0', async () => {
    const child = mesh.mesh.process('sidecar client');
    const session = connect(`http://127.0.0.1:${outbound}`);
    const goneAway = once(session, 'goaway');
    await overHttp2(session, 'shop');
    const under = slowRequests();
    await delay(300);
    const exited = exitCode(child);
    child.kill('SIGTERM');
    expect(await under).toEqual([200, 200, 200]);
    expect((await goneAway)[0]).toBe(0);
    expect(await exited).toBe(0);
    await again();
  });

  it('on /drain_listeners?graceful lets what is under way end, and serves on', async () => {
    const under = slowRequests();
    await delay(300);
    await admin('/drain_listeners?graceful');
    expect(await under).toEqual([200, 200, 200]);
    expect((await mesh.call({ host: 'shop', fresh: true })).status).toBe(200);
    const child = mesh.mesh.process('sidecar client');
    await admin('/quitquitquit');
    expect(await exitCode(child)).toBe(0);
    await again();
  });

  it('on /quitquitquit comes after what is under way', async () => {
    const child = mesh.mesh.process('sidecar client');
    const under = slowRequests();
    await delay(300);
    await admin('/quitquitquit');
    expect(await under).toEqual([200, 200, 200]);
    expect(await exitCode(child)).toBe(0);
  });
});
