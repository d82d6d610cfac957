import { connect, createServer, type Server, type Socket } from 'node:net';

/** One address in front of several, like a Service: a connection goes to the first that takes it. */
export class MovingAddress {
  targets: readonly string[] = [];
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor() {
    this.server = createServer((client) => this.accept(client));
  }

  /** `127.0.0.1:PORT`. */
  listen(): Promise<string> {
    return new Promise((resolve) => {
      this.server.listen(0, '127.0.0.1', () => {
        const address = this.server.address();
        resolve(`127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
      });
    });
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private accept(client: Socket): void {
    this.keep(client);
    const tryNext = (index: number): void => {
      const target = this.targets[index];
      if (target === undefined) {
        client.destroy();
        return;
      }
      const [host = '', port = ''] = target.split(':');
      const upstream = this.keep(connect(Number(port), host));
      const failed = (): void => tryNext(index + 1);
      upstream.once('error', failed);
      upstream.once('connect', () => {
        upstream.off('error', failed);
        client.pipe(upstream).pipe(client);
        client.once('close', () => upstream.destroy());
        upstream.once('close', () => client.destroy());
      });
    };
    tryNext(0);
  }

  private keep(socket: Socket): Socket {
    this.sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.sockets.delete(socket));
    return socket;
  }
}
