import { isIP } from 'node:net';
import { ipText } from '../snapshot/cidr.js';
import type { IpPort, Origin } from './connection-info.js';

/** What a connection's first bytes say in terms of HAProxy's PROXY protocol, versions 1 and 2. */
export type ProxyHeader =
  | { readonly kind: 'incomplete' | 'none' }
  | { readonly kind: 'malformed'; readonly reason: string }
  /** `origin` is empty for health checks and unknown transports: the socket's own addresses count. */
  | { readonly kind: 'header'; readonly version: 1 | 2; readonly length: number; readonly origin: Origin };

const V1 = Buffer.from('PROXY ');
/** The longest line of version 1, CRLF included. */
const V1_MAX = 107;
const V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_FIXED = 16;

const INCOMPLETE: ProxyHeader = { kind: 'incomplete' };
const NONE: ProxyHeader = { kind: 'none' };

export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, V2)) return bytes.length < V2_FIXED ? INCOMPLETE : readBinary(bytes);
  if (startsLike(bytes, V1)) return readText(bytes);
  return NONE;
}

/** Whether the bytes begin with the signature, or are the beginning of it. */
function startsLike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
}

const TEXT = /^PROXY (?:TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5})|UNKNOWN.*)$/;

function readText(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_MAX).indexOf('\r\n');
  if (end < 0) return bytes.length >= V1_MAX ? malformed('the line has no end') : INCOMPLETE;
  const parts = TEXT.exec(bytes.toString('latin1', 0, end));
  if (parts === null) return malformed('the line cannot be read');
  const length = end + 2;
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = ''] = parts;
  if (family === undefined) return { kind: 'header', version: 1, length, origin: {} };
  const ends = [
    { ip: source, port: Number(sourcePort) },
    { ip: destination, port: Number(destinationPort) },
  ] as const;
  if (ends.some(({ ip, port }) => isIP(ip) !== Number(family) || port > 65_535)) return malformed('an address is bad');
  return { kind: 'header', version: 1, length, origin: { source: ends[0], destination: ends[1] } };
}

const LOCAL = 0;
const PROXY = 1;
const STREAM_4 = 0x11;
const STREAM_6 = 0x21;

function readBinary(bytes: Buffer): ProxyHeader {
  const command = bytes.readUInt8(12) & 0x0f;
  if (bytes.readUInt8(12) >> 4 !== 2 || command > PROXY) return malformed('unknown version or command');
  const family = bytes.readUInt8(13);
  const size = bytes.readUInt16BE(14);
  const length = V2_FIXED + size;
  if (bytes.length < length) return INCOMPLETE;
  const unaddressed: ProxyHeader = { kind: 'header', version: 2, length, origin: {} };
  if (command === LOCAL || family === 0) return unaddressed;
  const width = family === STREAM_4 ? 4 : family === STREAM_6 ? 16 : 0;
  if (width === 0) return malformed('not a stream over IP');
  if (size < 2 * width + 4) return malformed('the addresses are cut short');
  const ports = V2_FIXED + 2 * width;
  const end = (index: 0 | 1): IpPort => ({
    ip: ipText(bytes.subarray(V2_FIXED + index * width, V2_FIXED + (index + 1) * width)),
    port: bytes.readUInt16BE(ports + 2 * index),
  });
  return { kind: 'header', version: 2, length, origin: { source: end(0), destination: end(1) } };
}

function malformed(reason: string): ProxyHeader {
  return { kind: 'malformed', reason: `PROXY header: ${reason}` };
}
