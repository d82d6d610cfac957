import type { Socket } from 'node:net';
import { joinAddress } from '../../common/runtime/address.js';
import { type ConnectionInfo, type PeerInfo, PLAINTEXT_PEER } from '../http/stream-info.js';

export interface IpPort {
  readonly ip: string;
  readonly port: number;
}

/** Tells where a redirected connection was going; undefined when it was not redirected, or when nobody can tell. */
export type OriginalDestination = (socket: Socket) => IpPort | undefined;

/** What is known about a connection's ends from elsewhere than its socket. */
export interface Origin {
  /** Before it was redirected, or as a PROXY header says. */
  readonly destination?: IpPort | undefined;
  /** Who connected to the proxy that sent a PROXY header. */
  readonly source?: IpPort | undefined;
}

export const DIRECT: Origin = {};

/** Describes an accepted connection. Ask while the socket is open: afterwards its addresses are gone. */
export function connectionInfo(id: number, socket: Socket, { destination, source }: Origin): ConnectionInfo {
  const localIp = destination?.ip ?? plainIp(socket.localAddress);
  const localPort = destination?.port ?? socket.localPort ?? 0;
  const remoteIp = source?.ip ?? plainIp(socket.remoteAddress);
  const remotePort = source?.port ?? socket.remotePort ?? 0;
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

/** What the ClientHello of TLS that is not terminated here asks for. */
export function withServerName(connection: ConnectionInfo, serverName: string | undefined): ConnectionInfo {
  if (serverName === undefined || serverName === '') return connection;
  return { ...connection, peer: { ...PLAINTEXT_PEER, sni: serverName } };
}

/** IPv4 addresses that a dual-stack socket maps into IPv6 in their own form (RFC 4291 section 2.5.5.2). */
function plainIp(ip: string | undefined): string {
  if (ip === undefined) return '';
  return ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice(7) : ip;
}
