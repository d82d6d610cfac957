import type { Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import { FLAG } from '../http/flags.js';
import { type ConnectionInfo, StreamInfo } from '../http/stream-info.js';
import type { AccessLogger } from '../telemetry/access-log.js';

/** The line that a listener's own access log gets for a connection when it ends. */
export class ConnectionLog {
  private readonly info: StreamInfo;

  constructor(socket: Socket, connection: ConnectionInfo, loggers: readonly AccessLogger[], clock: Clock) {
    const info = new StreamInfo(connection);
    info.start = clock.monotonic();
    info.startEpoch = clock.now();
    this.info = info;
    socket.once('close', () => {
      info.end = clock.monotonic();
      info.bytesReceived = socket.bytesRead;
      info.bytesSent = socket.bytesWritten;
      for (const logger of loggers) logger.log(info, undefined, undefined);
    });
  }

  /** The handshake told who the peer is. */
  secured(connection: ConnectionInfo): void {
    this.info.connection = connection;
  }

  /** Why the connection came to nothing; `noChain` when no filter chain took it (flag NR). */
  refused(detail: string, noChain: boolean): void {
    this.info.connectionTerminationDetails = detail;
    if (noChain) {
      this.info.flags |= FLAG.NR;
      this.info.responseCodeDetails = detail;
    }
  }
}
