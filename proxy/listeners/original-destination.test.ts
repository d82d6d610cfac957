import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { SocketOptions } from '../tcp/socket-options.js';
import { linuxRedirection } from './original-destination.js';

const open: { destroy?: () => void; close?: () => void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) (each.destroy ?? each.close)?.call(each);
});

async function accepted(host: string): Promise<Socket> {
  const server = createServer();
  open.push(server);
  server.listen(0, '::');
  await once(server, 'listening');
  const client = connect({ host, port: (server.address() as AddressInfo).port });
  open.push(client);
  const [socket] = (await once(server, 'connection')) as [Socket];
  open.push(socket);
  return socket;
}

describe.skipIf(process.platform !== 'linux')('linuxRedirection', () => {
  it.each([
    ['127.0.0.1', 0, '0002230a0a600001', { ip: '10.96.0.1', port: 8970 }],
    ['::1', 41, `000a230a00000000${'fd000000000000000000000000000001'}00000000`, { ip: 'fd00::1', port: 8970 }],
  ])('asks for connections to %s at level %i', async (host, level, answer, expected) => {
    const asked: number[][] = [];
    const get: SocketOptions['get'] = (fd, atLevel, option, value) => {
      asked.push([atLevel, option]);
      expect(fd).toBeGreaterThan(0);
      Buffer.from(answer, 'hex').copy(value);
      return value.length;
    };
    const redirection = linuxRedirection(() => ({ get, set: () => 0 }));
    const socket = await accepted(host);
    expect(redirection.destination(socket)).toBeUndefined();
    expect(redirection.prepare()).toBeUndefined();
    expect(redirection.destination(socket)).toEqual(expected);
    expect(asked).toEqual([[level, 80]]);
  });

  it('knows nothing where the kernel does not', async () => {
    const redirection = linuxRedirection();
    expect(redirection.prepare()).toBeUndefined();
    const socket = await accepted('127.0.0.1');
    const destination = redirection.destination(socket);
    // A kernel that tracks connections knows those that nobody redirected, too.
    expect([undefined, socket.localPort]).toContain(destination?.port);
    socket.destroy();
    await once(socket, 'close');
    expect(redirection.destination(socket)).toBeUndefined();
  });

  it('says what makes a listener transparent', async () => {
    const redirection = linuxRedirection(() => ({ get: () => 0, set: () => -1 }));
    redirection.prepare();
    const server = createServer();
    open.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    expect(() => redirection.makeTransparent(server)).toThrow('EPERM; this takes the capability NET_ADMIN');
  });

  it('says what is missing', () => {
    const redirection = linuxRedirection(() => {
      throw new Error('no such module');
    });
    expect(redirection.prepare()).toContain('koffi');
  });
});
