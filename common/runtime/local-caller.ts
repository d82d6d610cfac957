import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether an address is this machine's own: `localhost`, 127.0.0.0/8 and ::1, mapped or not. */
export function isLoopback(address: string): boolean {
  const ip = address.replace(/^::ffff:(?=\d+\.)/, '');
  return ip === 'localhost' || (isIP(ip) !== 0 && loopback.check(ip, ip.includes(':') ? 'ipv6' : 'ipv4'));
}

/** Where something listens for this machine alone that belongs to `address`: there, if that is loopback, else at 127.0.0.1. */
export function loopbackFor(address: string): string {
  return isLoopback(address) ? address : '127.0.0.1';
}

/** A web page of somebody else's that is led here by DNS has its own name as Host. */
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

export function namesLoopback(host: string): boolean {
  return LOOPBACK_HOST.test(host);
}

/** What a browser says of a request that another site's page makes it send; programs say nothing. */
export function isCrossSite({ origin, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  return origin !== undefined || (site !== undefined && site !== 'same-origin' && site !== 'none');
}
