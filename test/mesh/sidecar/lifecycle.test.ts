import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange } from '../../support/raw-client.js';
import { fieldOf, get, SidecarPair } from './pair.js';

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));
const slow = (ms: number): { steps: ({ wait: number } | string)[] } => ({
  steps: [{ wait: ms }, 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow'],
});

describe('a sidecar’s life', () => {
  const pair = new SidecarPair();
  let xdsPort = 0;
  beforeAll(async () => {
    await pair.start();
    xdsPort = portOf(pair.mesh.controlPlane().xdsAddress);
  });
  afterAll(() => pair.dispose());

  /** The status of /ready, 0 where nobody answers. */
  const ready = (): Promise<number> =>
    fetch(`http://127.0.0.1:${pair.ports.shopAdmin}/ready`).then(
      ({ status }) => status,
      () => 0,
    );

  it('finishes what is under way on SIGTERM, says Connection: close, refuses the rest, and exits 0', async () => {
    const sidecar = pair.mesh.process('sidecar shop');
    const exited = once(sidecar, 'exit');
    const running = pair.run({ to: 'server', send: [get('/slow')], answers: [slow(1000)] });
    const idle = exchange(pair.ports.inbound, { send: [], responses: 0 });
    await delay(300);
    sidecar.kill('SIGTERM');
    await delay(200);
    expect(await ready()).toBe(503);
    const refused = await exchange(pair.ports.inbound, { send: [get()], responses: 0 });
    expect(refused).toMatchObject({ connection: 'reset', responses: [] });
    expect((await idle).connection).toBe('closed');
    const { responses, connection } = await running;
    expect(responses[0]).toMatchObject({ start: 'HTTP/1.1 200 OK', body: 'slow' });
    expect(fieldOf(responses[0], 'connection')).toBe('close');
    expect(connection).toBe('closed');
    expect(await exited).toEqual([0, null]);
  });

  it('answers 503 UF while the other sidecar is gone', async () => {
    const { responses } = await pair.run({ send: [get('/gone')] });
    expect(responses[0]?.start).toContain(' 503 ');
    expect(responses[0]?.body).toContain('remote connection failure');
    const lines = await pair.log(1);
    expect(lines.find(({ path }) => path === '/gone')).toMatchObject({
      response_flags: 'URX,UF',
      upstream_transport_failure_reason: 'delayed_connect_error:_Connection_refused',
    });
  });

  it('is ready only when the first configuration is in, though it started before the control plane', async () => {
    pair.mesh.process('control-plane').kill('SIGKILL');
    await pair.mesh.restartSidecar('shop');
    await pair.mesh.until('the admin port', async () => {
      if ((await ready()) === 0) throw new Error('nobody answers');
    });
    for (let i = 0; i < 10; i++) {
      expect(await ready()).toBe(503);
      await delay(50);
    }
    pair.mesh.startControlPlane(['--xds-port', String(xdsPort)]);
    await pair.mesh.until('a ready sidecar', async () => {
      if ((await ready()) !== 200) throw new Error('not ready');
    });
    const { responses } = await pair.run({ to: 'server', send: [get()] });
    expect(responses[0]?.start).toBe('HTTP/1.1 200 OK');
  });

  it('loses no request while garbage answers in the control plane’s place, and comes back', async () => {
    const failures: unknown[] = [];
    let ending = false;
    let count = 0;
    const traffic = (async () => {
      while (!ending) {
        const { responses } = await pair.run({ send: [get('/on')] });
        if (responses[0]?.start !== 'HTTP/1.1 200 OK') failures.push(responses[0] ?? 'no answer');
        count++;
      }
    })();
    const cp = pair.mesh.process('control-plane');
    cp.kill('SIGKILL');
    await once(cp, 'exit');
    const garbage = await serveGarbage(xdsPort);
    await pair.mesh.until('connections to garbage', async () => {
      if (garbage.connections < 4) throw new Error(String(garbage.connections));
    });
    garbage.close();
    pair.mesh.startControlPlane(['--xds-port', String(xdsPort)]);
    await pair.mesh.until('both in sync again', async () => {
      if ((await pair.mesh.proxies()).length < 2) throw new Error('not yet');
    });
    ending = true;
    await traffic;
    expect(count).toBeGreaterThan(10);
    expect(failures).toEqual([]);
  });
});

interface Garbage {
  readonly connections: number;
  close(): void;
}

/** Answers everything with bytes that are no TLS. */
async function serveGarbage(port: number): Promise<Garbage> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.write('HTTP/1.1 200 OK\r\n\r\n\0\x01garbage');
    socket.on('data', () => socket.write(Buffer.alloc(1000, 0xff)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    get connections() {
      return connections;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

describe('certificates of 10 seconds', () => {
  const pair = new SidecarPair();
  beforeAll(() => pair.start('', ['--cert-ttl', '10s']));
  afterAll(() => pair.dispose());

  it('are replaced under a long download and a WebSocket', async () => {
    const serial = async (): Promise<string> =>
      /"serial_number":\s*"(\w+)"/.exec((await pair.admin('shop', '/certs')).replace(/[\s\S]*cert_chain/, ''))?.[1] ??
      '';
    const before = await serial();
    const parts = 50;
    const download = pair.run({
      send: [get('/long')],
      answers: [
        {
          steps: [
            `HTTP/1.1 200 OK\r\ncontent-length: ${parts * 4}\r\n\r\n`,
            ...Array.from({ length: parts }, () => ['part', { wait: 250 }]).flat(),
          ],
        },
        { steps: ['HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n', 'echo'] },
      ],
      timeoutMs: 30_000,
    });
    await delay(200);
    const pings = Array.from({ length: 12 }, (_, i) => [`ping${i}`, { until: `ping${i}` }, { wait: 1000 }]).flat();
    const socket = await exchange(pair.ports.outbound, {
      send: [get('/ws', 'Connection: Upgrade', 'Upgrade: websocket'), { until: '101' }, ...pings],
      tail: 'ping11',
      timeoutMs: 30_000,
    });
    expect(socket.responses[0]?.start).toContain('101');
    const { responses } = await download;
    expect(responses[0]?.body).toBe('part'.repeat(parts));
    expect(before).not.toBe('');
    expect(await serial()).not.toBe(before);
  });
});
