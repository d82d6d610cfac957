import type { Socket } from 'node:net';
import { descriptorOf, int, loadSocketOptions, type SocketOptions } from '../tcp/socket-options.js';

/** envoy.config.core.v3.TcpKeepalive; what is absent is the operating system's. Seconds. */
export interface KeepAlive {
  /** Idle time before the first probe. */
  readonly time: number | undefined;
  readonly interval: number | undefined;
  /** Unanswered probes that end the connection. */
  readonly probes: number | undefined;
}

const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
/** Where the numbers above are not known: Linux's. */
const DEFAULT_TIME = 7200;

let options: SocketOptions | 'unavailable' | undefined;

/**
 * Turns TCP keep-alive on where a cluster asks for it. Node's own setKeepAlive knows the idle time alone, and chooses the rest
 * (ten probes, one a second); it is what remains outside of Linux.
 */
export function applyKeepAlive(socket: Socket, keepAlive: KeepAlive | undefined): void {
  if (keepAlive === undefined) return;
  if (socket.connecting) socket.once('connect', () => setKeepAlive(socket, keepAlive));
  else setKeepAlive(socket, keepAlive);
}

function setKeepAlive(socket: Socket, { time, interval, probes }: KeepAlive): void {
  options ??= loaded();
  const fd = descriptorOf(socket);
  if (options === 'unavailable' || fd === undefined) {
    socket.setKeepAlive(true, (time ?? DEFAULT_TIME) * 1000);
    return;
  }
  options.set(fd, SOL_SOCKET, SO_KEEPALIVE, int(1));
  if (time !== undefined) options.set(fd, IPPROTO_TCP, TCP_KEEPIDLE, int(time));
  if (interval !== undefined) options.set(fd, IPPROTO_TCP, TCP_KEEPINTVL, int(interval));
  if (probes !== undefined) options.set(fd, IPPROTO_TCP, TCP_KEEPCNT, int(probes));
}

function loaded(): SocketOptions | 'unavailable' {
  if (process.platform !== 'linux') return 'unavailable';
  try {
    return loadSocketOptions();
  } catch {
    return 'unavailable';
  }
}
