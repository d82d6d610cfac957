import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { joinAddress } from '../../common/runtime/address.js';

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
  static async bind(host: string, port: number, onConnection: (socket: Socket) => void): Promise<BoundSocket> {
    const key = joinAddress(host, port);
    const server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, onConnection);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(new Error(`cannot bind ${key}: ${describe(error)}`, { cause: error }));
      });
      server.listen({ host, port, backlog: BACKLOG }, () => resolve());
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

function describe(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return 'address already in use';
  return error.code ?? error.message;
}
