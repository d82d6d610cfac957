import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { messageOf } from '../../common/runtime/errors.js';
import type { IpPort, OriginalDestination } from './connection-info.js';
import { ipText } from './proxy-protocol.js';

/** How redirected connections tell where they were going. */
export interface Redirection {
  /** Loads what it takes. The reason why it cannot be had, or undefined. */
  prepare(): string | undefined;
  /** Of no use before `prepare`. */
  readonly destination: OriginalDestination;
}

/** `getsockopt` on a file descriptor: fills the buffer; the number of bytes, or a negative errno. */
export type GetSocketOption = (fd: number, level: number, option: number, value: Buffer) => number;

const SOL_IP = 0;
const SOL_IPV6 = 41;
/** SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST (linux/netfilter_ipv4.h, linux/netfilter_ipv6/ip6_tables.h). */
const ORIGINAL_DST = 80;
const SOCKADDR_IN = 16;
const SOCKADDR_IN6 = 28;

/**
 * Linux's SO_ORIGINAL_DST, which iptables' REDIRECT leaves. Node has no getsockopt, so libc's is called; the library for
 * that is loaded only where a listener asks for original destinations.
 */
export function linuxRedirection(load: () => GetSocketOption = loadGetsockopt): Redirection {
  let getsockopt: GetSocketOption | undefined;
  return {
    prepare() {
      if (getsockopt !== undefined) return undefined;
      if (process.platform !== 'linux') return 'original destinations are known on Linux only';
      try {
        getsockopt = load();
        return undefined;
      } catch (error) {
        return `original destinations need the library koffi, which cannot be loaded: ${messageOf(error)}`;
      }
    },
    destination: (socket) => (getsockopt === undefined ? undefined : askKernel(socket, getsockopt)),
  };
}

function askKernel(socket: Socket, getsockopt: GetSocketOption): IpPort | undefined {
  const fd = descriptorOf(socket);
  if (fd === undefined) return undefined;
  // A dual-stack socket has IPv4 connections too, and theirs are asked for by IPv4's option.
  const v6 = socket.remoteFamily === 'IPv6' && socket.remoteAddress?.startsWith('::ffff:') !== true;
  const value = Buffer.alloc(v6 ? SOCKADDR_IN6 : SOCKADDR_IN);
  const length = getsockopt(fd, v6 ? SOL_IPV6 : SOL_IP, ORIGINAL_DST, value);
  if (length < value.length) return undefined;
  const address = v6 ? value.subarray(8, 24) : value.subarray(4, 8);
  return { ip: ipText(address), port: value.readUInt16BE(2) };
}

function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } | null };
  const fd = handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}

function loadGetsockopt(): GetSocketOption {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const call = koffi
    .load(null)
    .func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)') as unknown as (
    fd: number,
    level: number,
    option: number,
    value: Buffer,
    length: [number],
  ) => number;
  return (fd, level, option, value) => {
    const length: [number] = [value.length];
    return call(fd, level, option, value, length) === 0 ? length[0] : -koffi.errno();
  };
}
