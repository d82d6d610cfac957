import { lstatSync, unlinkSync } from 'node:fs';
import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { joinAddress } from '../../common/runtime/address.js';
import { messageOf } from '../../common/runtime/errors.js';
import { addressOptions, isSocketPath } from '../../common/runtime/socket-path.js';
import type { ListenAddress } from './config.js';

/** Connections that may wait for accept; the kernel's own limit applies too. */
const BACKLOG = 8192;

/** A listening socket. Accepted connections are paused: their first bytes are looked at before anyone reads them. */
export class BoundSocket {
  private constructor(
    /** As configured: `host:port`, with 0 for any free port. */
    readonly key: string,
    private readonly server: Server,
  ) {}

  /** Rejects with an error that names the address, for example when it is taken. */
  static async bind(
    address: ListenAddress,
    onConnection: (socket: Socket) => void,
    /** Called before the first connection; what it throws refuses the address. */
    prepare?: (server: Server) => void,
  ): Promise<BoundSocket> {
    const { host } = address;
    const key = keyOf(address);
    const server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, onConnection);
    if (isSocketPath(host)) removeStale(host);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(new Error(`cannot bind ${nameOf(address)}: ${describe(error)}`, { cause: error }));
      });
      server.listen({ ...placeOf(address), backlog: BACKLOG }, () => {
        try {
          prepare?.(server);
          resolve();
        } catch (error) {
          server.close();
          reject(new Error(`cannot bind ${nameOf(address)}: ${messageOf(error)}`, { cause: error }));
        }
      });
    });
    server.removeAllListeners('error');
    // Running out of file descriptors must not end the process; the connection stays in the kernel's queue.
    server.on('error', () => {});
    return new BoundSocket(key, server);
  }

  /** Where it listens. */
  get address(): { readonly host: string; readonly port: number } {
    const bound = this.server.address() as AddressInfo | string;
    if (typeof bound === 'string') return { host: bound.replace(/^\0/, '@'), port: 0 };
    return { host: bound.address, port: bound.port };
  }

  /** Stops accepting. Connections live on. */
  close(): void {
    this.server.close();
  }
}

/** Equal for addresses that one socket can stand for. */
export function keyOf(address: ListenAddress): string {
  return `${nameOf(address)}${address.dualStack === true ? ' dual-stack' : ''}`;
}

function nameOf({ host, port }: ListenAddress): string {
  return isSocketPath(host) ? host : joinAddress(host, port);
}

function placeOf({ host, port, dualStack }: ListenAddress): ListenOptions {
  const place = addressOptions({ ip: host, port });
  if (!('path' in place)) return { ...place, ipv6Only: dualStack !== true };
  // Whoever may open the folder may connect, as to a port; abstract names have no permissions.
  return host.startsWith('@') ? place : { ...place, readableAll: true, writableAll: true };
}

/** A socket that somebody left behind; anything else that stands there makes binding fail. */
function removeStale(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
}

function describe(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return 'address already in use';
  return error.code ?? error.message;
}
