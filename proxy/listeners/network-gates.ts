import type { Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import type { ConnectionInfo } from '../http/stream-info.js';
import type { ConnectionNotes, NetworkFilter, NetworkVerdict } from './config.js';

/** A connection at the gates of its chain. */
export interface Arrival {
  readonly socket: Socket;
  readonly connection: ConnectionInfo;
  readonly clock: Clock;
  readonly onPassed: () => void;
  readonly onRefused: (detail: string, flags?: number) => void;
}

/** Asks the network filters one after the other; one may take its time, while nothing of the connection is read. */
export function passGates(filters: readonly NetworkFilter[], arrival: Arrival): void {
  askFrom(0, filters, arrival, { metadata: undefined });
}

function askFrom(from: number, filters: readonly NetworkFilter[], arrival: Arrival, notes: ConnectionNotes): void {
  for (const [i, filter] of filters.entries()) {
    if (i < from) continue;
    const verdict = filter.onConnection(arrival.connection, notes);
    if (verdict instanceof Promise) {
      verdict.then(
        (late) => {
          if (passes(arrival, filter, late)) askFrom(i + 1, filters, arrival, notes);
        },
        () => arrival.onRefused('filter_failed'),
      );
      return;
    }
    if (verdict !== undefined && !passes(arrival, filter, verdict)) return;
  }
  arrival.onPassed();
}

function passes({ socket, clock, onRefused }: Arrival, filter: NetworkFilter, verdict: NetworkVerdict): boolean {
  if (verdict.allow) {
    if (socket.destroyed) return false;
    if (filter.onDisconnect !== undefined) socket.once('close', () => filter.onDisconnect?.());
    return true;
  }
  const { details, flags, delayMs } = verdict;
  const refuse = (): void => onRefused(details, flags);
  if (delayMs === undefined || delayMs === 0) refuse();
  else clock.after(delayMs, refuse);
  return false;
}
