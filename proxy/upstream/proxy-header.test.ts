import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { readProxyHeader } from '../listeners/proxy-protocol.js';
import { proxyHeader } from './proxy-header.js';

const SOCKET = { localAddress: '10.0.0.9', localPort: 1, remoteAddress: '10.0.0.8', remotePort: 2 } as Socket;
const V4 = { remoteIp: '198.51.100.7', remotePort: 4711, localIp: '10.0.0.7', localPort: 443 };
const V6 = { remoteIp: '2001:db8::1', remotePort: 4711, localIp: 'fd00::7', localPort: 443 };

describe('proxyHeader', () => {
  it.each([1, 2] as const)('of version %i is what a listener reads', (version) => {
    for (const connection of [V4, V6]) {
      expect(readProxyHeader(proxyHeader(version, connection, SOCKET))).toMatchObject({
        kind: 'header',
        version,
        origin: {
          source: { ip: connection.remoteIp, port: 4711 },
          destination: { ip: connection.localIp, port: 443 },
        },
      });
    }
  });

  it('without a client speaks for itself', () => {
    expect(proxyHeader(1, undefined, SOCKET).toString()).toBe('PROXY TCP4 10.0.0.9 10.0.0.8 1 2\r\n');
    expect(proxyHeader(2, undefined, SOCKET).subarray(12).toString('hex')).toBe('20000000');
  });

  it('between families says that it does not know', () => {
    const mixed = { ...V4, localIp: 'fd00::7' };
    expect(proxyHeader(1, mixed, SOCKET).toString()).toBe('PROXY UNKNOWN\r\n');
    expect(readProxyHeader(proxyHeader(2, mixed, SOCKET))).toMatchObject({ kind: 'header', origin: {} });
  });

  it('writes addresses that embed IPv4', () => {
    const connection = { ...V6, remoteIp: '64:ff9b::192.0.2.33' };
    expect(readProxyHeader(proxyHeader(2, connection, SOCKET))).toMatchObject({
      origin: { source: { ip: '64:ff9b::c000:221' } },
    });
  });
});
