import { networkInterfaces } from 'node:os';
import type { ListenAddress } from './config.js';

/** Whether a connection to `ip` and `port` on this machine would come out at a listener of this address. */
export function listensAt(address: ListenAddress, ip: string, port: number): boolean {
  if (address.port !== port) return false;
  const target = withoutMapping(ip);
  const own = withoutMapping(address.host);
  // Connecting to no address in particular is connecting to this machine.
  if (isUnspecified(target)) return isUnspecified(own) || own.startsWith('127.') || own === '::1';
  if (!isUnspecified(own)) return own === target;
  return (
    target.startsWith('127.') ||
    target === '::1' ||
    Object.values(networkInterfaces())
      .flat()
      .some((known) => known?.address === target)
  );
}

function isUnspecified(ip: string): boolean {
  return ip === '0.0.0.0' || ip === '::';
}

function withoutMapping(ip: string): string {
  return ip.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
}
