import type { Socket } from 'node:net';
import { joinAddress } from '../../common/runtime/address.js';
import { type ConnectionInfo, type PeerInfo, PLAINTEXT_PEER } from '../http/stream-info.js';

/** Tells where a redirected connection was going; undefined when it was not redirected, or when nobody can tell. */
export type OriginalDestination = (socket: Socket) => { readonly ip: string; readonly port: number } | undefined;

/** For machines without packet capture: a connection's destination is where it arrived. */
export const noRedirection: OriginalDestination = () => undefined;

/** Describes an accepted connection. Ask while the socket is open: afterwards its addresses are gone. */
export function connectionInfo(
  id: number,
  socket: Socket,
  destination: { readonly ip: string; readonly port: number } | undefined,
): ConnectionInfo {
  const localIp = destination?.ip ?? plainIp(socket.localAddress);
  const localPort = destination?.port ?? socket.localPort ?? 0;
  const remoteIp = plainIp(socket.remoteAddress);
  const remotePort = socket.remotePort ?? 0;
  return {
    id,
    localAddress: joinAddress(localIp, localPort),
    localIp,
    localPort,
    remoteAddress: joinAddress(remoteIp, remotePort),
    remoteIp,
    remotePort,
    peer: PLAINTEXT_PEER,
  };
}

export function withPeer(connection: ConnectionInfo, peer: PeerInfo): ConnectionInfo {
  return { ...connection, peer };
}

/** IPv4 addresses that a dual-stack socket maps into IPv6 in their own form (RFC 4291 section 2.5.5.2). */
function plainIp(ip: string | undefined): string {
  if (ip === undefined) return '';
  return ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice(7) : ip;
}
