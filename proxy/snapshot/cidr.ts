import { isIP } from 'node:net';
import type { CidrRange__Output } from '../../proto/gen/envoy/config/core/v3/CidrRange.js';
import type { Issues } from './issues.js';

/** An address block; IPv4-mapped IPv6 addresses count as IPv4. */
export interface Cidr {
  /** Canonical text, the same for equal blocks. */
  readonly text: string;
  /** As people write it: `10.0.0.0/24`. */
  readonly address: string;
  readonly prefixLength: number;
  contains(ip: string): boolean;
}

/** Bytes of an IP address: four, or sixteen; undefined when it is none. */
export function parseIp(text: string): Uint8Array | undefined {
  const kind = isIP(text);
  if (kind === 4) return Uint8Array.from(text.split('.'), Number);
  if (kind !== 6) return undefined;
  const bytes = parseIp6(text.replace(/%.*$/, ''));
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  return mapped ? bytes.subarray(12) : bytes;
}

/** Text of an IP address of four or sixteen bytes, as RFC 5952 writes it. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0)).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

function parseIp6(text: string): Uint8Array {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const plain =
    dotted === null ? text : `${dotted[1]}${hexPair(dotted[2], dotted[3])}:${hexPair(dotted[4], dotted[5])}`;
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const bytes = new Uint8Array(16);
  const write = (groups: readonly string[], at: number) => {
    groups.forEach((group, index) => {
      const value = Number.parseInt(group, 16);
      bytes[at + index * 2] = value >> 8;
      bytes[at + index * 2 + 1] = value & 255;
    });
  };
  write(before, 0);
  write(after, 16 - after.length * 2);
  return bytes;
}

function hexPair(high: string | undefined, low: string | undefined): string {
  return ((Number(high) << 8) | Number(low)).toString(16);
}

/** Compiles a CidrRange; an absent length is 0, as in Envoy. undefined after an error. */
export function compileCidr(range: CidrRange__Output, issues: Issues): Cidr | undefined {
  const address = range.address_prefix ?? '';
  const bytes = parseIp(address);
  const written = range.prefix_len?.value ?? 0;
  // Of an IPv4-mapped address the first 96 bits say no more than that it is one.
  const length = bytes?.length === 4 && address.includes(':') ? written - 96 : written;
  if (bytes === undefined || length < 0 || length > bytes.length * 8) {
    issues.error(`'${address}/${written}' is no address range`);
    return undefined;
  }
  return cidrOf(bytes, length);
}

export function cidrOf(bytes: Uint8Array, length: number): Cidr {
  const network = bytes.map((byte, index) => byte & maskOf(length, index));
  return {
    text: `${[...network].join('.')}/${length}`,
    address: `${ipText(network)}/${length}`,
    prefixLength: length,
    contains(ip) {
      const candidate = parseIp(ip);
      if (candidate === undefined || candidate.length !== network.length) return false;
      return network.every((byte, index) => byte === ((candidate[index] ?? 0) & maskOf(length, index)));
    },
  };
}

function maskOf(length: number, index: number): number {
  const bits = Math.min(8, Math.max(0, length - index * 8));
  return (0xff << (8 - bits)) & 0xff;
}

/** 127.0.0.0/8 and ::1. */
export function isLoopback(ip: string): boolean {
  const bytes = parseIp(ip);
  if (bytes === undefined) return false;
  return bytes.length === 4 ? bytes[0] === 127 : bytes.every((byte, index) => byte === (index === 15 ? 1 : 0));
}
