import { connect, type Socket } from 'node:net';
import { Exchange, requestBytes } from './exchange.js';
import { connectMutual, secureContext, type TlsClient } from './handshakes.js';

export interface IdleOrder {
  readonly port: number;
  readonly connections: number;
  /** Plain text without it. */
  readonly tls?: TlsClient;
}

export interface IdleReport {
  readonly open: number;
  readonly errors: number;
}

/** At the same time. */
const OPENING = 32;
/** Addresses of this machine that connections come from: each has ports for a fraction of them only. */
const SOURCES = 16;

const held: Socket[] = [];

/** Opens connections, sends one request on each, and keeps them. */
export async function openIdle({ port, connections, tls }: IdleOrder): Promise<IdleReport> {
  const context = tls === undefined ? undefined : secureContext(tls);
  const request = requestBytes('echo:9080');
  let opened = 0;
  let errors = 0;
  const opener = async (): Promise<void> => {
    while (opened < connections) {
      const localAddress = `127.0.0.${2 + (opened++ % SOURCES)}`;
      const socket =
        context === undefined
          ? connect({ host: '127.0.0.1', port, localAddress, noDelay: true })
          : connectMutual({ port, context, localAddress });
      if (!(await new Exchange(socket).request(request))) errors++;
      held.push(socket);
    }
  };
  await Promise.all(Array.from({ length: OPENING }, opener));
  return { open: held.filter((socket) => !socket.destroyed).length, errors };
}

/** Says how many of them are still there, and closes them. */
export function closeIdle(): IdleReport {
  const open = held.filter((socket) => !socket.destroyed).length;
  const errors = held.length - open;
  for (const socket of held.splice(0)) socket.destroy();
  return { open, errors };
}
