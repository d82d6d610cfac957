import type { Clock } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';
import { type ConnectionInfo, StreamInfo } from '../http/stream-info.js';
import type { FilterChainConfig } from './config.js';

/** Reports connections that never reached a codec: in the access log of a TCP chain, as Envoy does, and for debugging. */
export function refusalLogger(clock: Clock, log: Logger) {
  return (
    listener: string,
    connection: ConnectionInfo,
    chain: FilterChainConfig | undefined,
    detail: string,
    flags = 0,
  ): void => {
    log.debug({ listener, from: connection.remoteAddress, chain: chain?.name, detail }, 'connection refused');
    if (chain?.terminal.kind !== 'tcp') return;
    const info = new StreamInfo(connection);
    info.startEpoch = clock.now();
    info.start = clock.monotonic();
    info.end = info.start;
    // Who asked others about the connection says so by a flag, and in the details of the answer (Envoy).
    if (flags !== 0) info.responseCodeDetails = detail;
    else info.connectionTerminationDetails = detail;
    info.flags |= flags;
    for (const logger of chain.terminal.config.accessLogs) logger.log(info, undefined, undefined);
  };
}
