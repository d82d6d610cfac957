import type { Socket } from 'node:net';
import { descriptorOf, loadSocketOptions, type SocketOptions } from '../tcp/socket-options.js';

const SOL_SOCKET = 1;
/** On every architecture that Node runs on but MIPS, SPARC and PA-RISC (asm-generic/socket.h). */
const SO_PEERCRED = 17;
/** struct ucred: pid, uid, gid. */
const UCRED = 12;

/** Which user is at the other end of a Unix socket, as the kernel knows it; undefined when it does not say. */
export type PeerUid = (socket: Socket) => number | undefined;

/** Throws an Error that says why this machine cannot tell. */
export function peerUids(load: () => SocketOptions = loadSocketOptions): PeerUid {
  if (process.platform !== 'linux') throw new Error('who is at the other end of a socket is known on Linux only');
  const options = load();
  return (socket) => {
    const fd = descriptorOf(socket);
    if (fd === undefined) return undefined;
    const value = Buffer.alloc(UCRED);
    return options.get(fd, SOL_SOCKET, SO_PEERCRED, value) === UCRED ? value.readUInt32LE(4) : undefined;
  };
}
