import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { messageOf } from '../../common/runtime/errors.js';

/** Somewhere else, as a connection. */
export interface ForwardedTunnel {
  readonly stream: Duplex;
  close(): void;
}

export interface LocalForward {
  readonly port: number;
  stop(): void;
}

/**
 * A port on this machine's loopback whose connections go through tunnels, one each. Resolves when it listens; rejects when
 * the port is taken.
 */
export async function forwardLocally(
  port: number,
  open: () => Promise<ForwardedTunnel>,
  onError: (message: string) => void,
): Promise<LocalForward> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    void join(socket, open, onError);
  });
  await listen(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Never rejects. */
async function join(
  socket: Socket,
  open: () => Promise<ForwardedTunnel>,
  onError: (message: string) => void,
): Promise<void> {
  socket.on('error', () => socket.destroy());
  try {
    const tunnel = await open();
    const end = (): void => {
      socket.destroy();
      tunnel.close();
    };
    tunnel.stream.on('error', end);
    tunnel.stream.on('close', end);
    socket.on('close', end);
    if (socket.destroyed) return end();
    socket.pipe(tunnel.stream);
    tunnel.stream.pipe(socket);
  } catch (error) {
    onError(messageOf(error));
    socket.destroy();
  }
}
