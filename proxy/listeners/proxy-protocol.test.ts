import { describe, expect, it } from 'vitest';
import { ipText } from '../snapshot/cidr.js';
import { readProxyHeader } from './proxy-protocol.js';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const TCP4 = `${SIGNATURE}2111000c0a0000010a000002303901bb`;
const TCP6 = `${SIGNATURE}21210024${'fd000000000000000000000000000001'}${'fd000000000000000000000000000002'}303901bb`;

describe('readProxyHeader', () => {
  it.each([
    ['PROXY TCP4 10.0.0.1 10.0.0.2 12345 443\r\nGET', 1, 40, '10.0.0.1', '10.0.0.2'],
    ['PROXY TCP6 fd00::1 fd00::2 12345 443\r\n', 1, 38, 'fd00::1', 'fd00::2'],
    [Buffer.from(`${TCP4}ff`, 'hex'), 2, 28, '10.0.0.1', '10.0.0.2'],
    [Buffer.from(TCP6, 'hex'), 2, 52, 'fd00::1', 'fd00::2'],
  ])('reads %j', (bytes, version, length, source, destination) => {
    expect(readProxyHeader(Buffer.from(bytes))).toEqual({
      kind: 'header',
      version,
      length,
      origin: { source: { ip: source, port: 12345 }, destination: { ip: destination, port: 443 } },
    });
  });

  it.each([
    ['an unknown transport', Buffer.from('PROXY UNKNOWN\r\n'), 15],
    ['a health check of the balancer', Buffer.from(`${SIGNATURE}20000000`, 'hex'), 16],
    ['additional fields', Buffer.from(`${SIGNATURE}21000003aabbcc`, 'hex'), 19],
  ])('takes %s as the socket is', (_name, bytes, length) => {
    expect(readProxyHeader(bytes)).toMatchObject({ kind: 'header', length, origin: {} });
  });

  it.each([
    ['P', 'incomplete'],
    ['PROXY TCP4 1.2.3.4', 'incomplete'],
    [Buffer.from(SIGNATURE, 'hex'), 'incomplete'],
    [Buffer.from(TCP4.slice(0, -2), 'hex'), 'incomplete'],
    ['GET / HTTP/1.1\r\n', 'none'],
    ['PROXY TCP4 1.2.3.4 1.2.3.999 1 2\r\n', 'malformed'],
    ['PROXY TCP4 ::1 ::2 1 2\r\n', 'malformed'],
    ['PROXY TCP4 1.2.3.4 1.2.3.5 1 70000\r\n', 'malformed'],
    [`PROXY ${'x'.repeat(120)}`, 'malformed'],
    [Buffer.from(`${SIGNATURE}31110000`, 'hex'), 'malformed'],
    [Buffer.from(`${SIGNATURE}2111000400000000`, 'hex'), 'malformed'],
    [Buffer.from(`${SIGNATURE}21310000`, 'hex'), 'malformed'],
  ])('%j is %s', (bytes, kind) => {
    expect(readProxyHeader(Buffer.from(bytes)).kind).toBe(kind);
  });

  it('writes IPv6 addresses in their canonical form', () => {
    expect(ipText(Buffer.from('20010db8000000000000000000000001', 'hex'))).toBe('2001:db8::1');
  });
});
