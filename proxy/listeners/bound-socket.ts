import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { joinAddress } from '../../common/runtime/address.js';
import { messageOf } from '../../common/runtime/errors.js';
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
    const { host, port } = address;
    const key = keyOf(address);
    const server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, onConnection);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(new Error(`cannot bind ${joinAddress(host, port)}: ${describe(error)}`, { cause: error }));
      });
      server.listen({ host, port, backlog: BACKLOG, ipv6Only: address.dualStack !== true }, () => {
        try {
          prepare?.(server);
          resolve();
        } catch (error) {
          server.close();
          reject(new Error(`cannot bind ${joinAddress(host, port)}: ${messageOf(error)}`, { cause: error }));
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
    const { address, port } = this.server.address() as AddressInfo;
    return { host: address, port };
  }

  /** Stops accepting. Connections live on. */
  close(): void {
    this.server.close();
  }
}

/** Equal for addresses that one socket can stand for. */
export function keyOf({ host, port, dualStack }: ListenAddress): string {
  return `${joinAddress(host, port)}${dualStack === true ? ' dual-stack' : ''}`;
}

function describe(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return 'address already in use';
  return error.code ?? error.message;
}
