import type { Socket } from 'node:net';

/**
 * What went over the connections of one cluster or connection manager, and how they ended; bytes are those inside TLS. The
 * open ones are asked when somebody wants to know, so that nothing is counted while data passes.
 */
export class ConnectionTraffic {
  destroyed = 0;
  destroyedLocally = 0;
  destroyedRemotely = 0;
  /** Of these, those with a request under way. */
  destroyedBusyLocally = 0;
  destroyedBusyRemotely = 0;
  private readonly open = new Set<Socket>();
  private closedReceived = 0;
  private closedSent = 0;

  get received(): number {
    return sum(this.open, ({ bytesRead }) => bytesRead, this.closedReceived);
  }

  get sent(): number {
    return sum(this.open, ({ bytesWritten }) => bytesWritten, this.closedSent);
  }

  /** Must be told of a connection before anybody else listens to its end: `busy` is asked when that comes. */
  follow(socket: Socket, busy: () => boolean): void {
    this.open.add(socket);
    let remote: boolean | undefined;
    let wasBusy = false;
    const ends = (byPeer: boolean): void => {
      if (remote !== undefined) return;
      remote = byPeer;
      wasBusy = busy();
    };
    socket.once('end', () => ends(!socket.writableEnded));
    socket.once('error', () => ends(true));
    socket.once('close', () => {
      ends(false);
      this.forget(socket, remote === true, wasBusy);
    });
  }

  private forget(socket: Socket, remote: boolean, busy: boolean): void {
    this.open.delete(socket);
    this.closedReceived += socket.bytesRead;
    this.closedSent += socket.bytesWritten;
    this.destroyed++;
    if (remote) this.destroyedRemotely++;
    else this.destroyedLocally++;
    if (!busy) return;
    if (remote) this.destroyedBusyRemotely++;
    else this.destroyedBusyLocally++;
  }
}

function sum(sockets: Iterable<Socket>, of: (socket: Socket) => number | undefined, start: number): number {
  let total = start;
  for (const socket of sockets) total += of(socket) ?? 0;
  return total;
}
