import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { descriptorOf, loadSocketOptions } from '../tcp/socket-options.js';
import { applyKeepAlive } from './keep-alive.js';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

async function connected(prepare: (socket: Socket) => void): Promise<Socket> {
  const server = createServer((socket) => open.push(() => socket.destroy())).listen(0, '127.0.0.1');
  open.push(() => server.close());
  await once(server, 'listening');
  const socket = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  open.push(() => socket.destroy());
  prepare(socket);
  await once(socket, 'connect');
  return socket;
}

/** On, idle time, interval, probes. */
function inForce(socket: Socket): number[] {
  const options = loadSocketOptions();
  return (
    [
      [1, 9],
      [6, 4],
      [6, 5],
      [6, 6],
    ] as const
  ).map(([level, option]) => {
    const value = Buffer.alloc(4);
    options.get(descriptorOf(socket) ?? -1, level, option, value);
    return value.readInt32LE();
  });
}

describe.skipIf(process.platform !== 'linux')('TCP keep-alive', () => {
  it('is as configured, and the system’s where nothing is', async () => {
    const [, ...system] = inForce(await connected(() => {}));
    const ask = (time?: number, interval?: number, probes?: number) => (socket: Socket) =>
      applyKeepAlive(socket, { time, interval, probes });
    expect(inForce(await connected(ask(300, 20, 4)))).toEqual([1, 300, 20, 4]);
    expect(inForce(await connected(ask()))).toEqual([1, ...system]);
    expect(inForce(await connected(ask(undefined, undefined, 2)))).toEqual([1, system[0], system[1], 2]);
    expect(inForce(await connected((socket) => applyKeepAlive(socket, undefined)))[0]).toBe(0);
  });
});
