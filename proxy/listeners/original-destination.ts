import type { AddressInfo, Server, Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { messageOf } from '../../common/runtime/errors.js';
import { ipText } from '../snapshot/cidr.js';
import { descriptorOf, int, loadSocketOptions, type SocketOptions } from '../tcp/socket-options.js';
import type { IpPort, OriginalDestination } from './connection-info.js';

/** What the kernel knows and does about redirected connections. */
export interface Redirection {
  /** Loads what it takes. The reason why it cannot be had, or undefined. */
  prepare(): string | undefined;
  /** Of no use before `prepare`. */
  readonly destination: OriginalDestination;
  /** Lets a listening socket take connections to any address (TPROXY). Throws an Error that says why not. */
  makeTransparent(server: Server): void;
}

const SOL_IP = 0;
const SOL_IPV6 = 41;
/** SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST (linux/netfilter_ipv4.h, linux/netfilter_ipv6/ip6_tables.h). */
const ORIGINAL_DST = 80;
const IP_TRANSPARENT = 19;
const IPV6_TRANSPARENT = 75;
const SOCKADDR_IN = 16;
const SOCKADDR_IN6 = 28;

/**
 * Linux's SO_ORIGINAL_DST, which iptables' REDIRECT leaves, and IP_TRANSPARENT, which TPROXY needs. Node has no getsockopt,
 * so libc's is called; the library for that is loaded only where a listener asks for it.
 */
export function linuxRedirection(load: () => SocketOptions = loadSocketOptions): Redirection {
  let options: SocketOptions | undefined;
  return {
    prepare() {
      if (options !== undefined) return undefined;
      if (process.platform !== 'linux') return 'redirected connections are known on Linux only';
      try {
        options = load();
        return undefined;
      } catch (error) {
        return `redirected connections need the library koffi, which cannot be loaded: ${messageOf(error)}`;
      }
    },
    destination: (socket) => (options === undefined ? undefined : askKernel(socket, options)),
    makeTransparent(server) {
      const fd = descriptorOf(server);
      if (options === undefined || fd === undefined) throw new Error('not listening');
      const v6 = (server.address() as AddressInfo).family === 'IPv6';
      const done = options.set(fd, v6 ? SOL_IPV6 : SOL_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, int(1));
      if (done < 0) throw new Error(`transparent: ${getSystemErrorName(done)}; this takes the capability NET_ADMIN`);
    },
  };
}

function askKernel(socket: Socket, options: SocketOptions): IpPort | undefined {
  const fd = descriptorOf(socket);
  if (fd === undefined) return undefined;
  // A dual-stack socket has IPv4 connections too, and theirs are asked for by IPv4's option.
  const v6 = socket.remoteFamily === 'IPv6' && socket.remoteAddress?.startsWith('::ffff:') !== true;
  const value = Buffer.alloc(v6 ? SOCKADDR_IN6 : SOCKADDR_IN);
  const length = options.get(fd, v6 ? SOL_IPV6 : SOL_IP, ORIGINAL_DST, value);
  if (length < value.length) return undefined;
  const address = v6 ? value.subarray(8, 24) : value.subarray(4, 8);
  return { ip: ipText(address), port: value.readUInt16BE(2) };
}
