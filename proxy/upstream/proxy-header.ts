import { isIP, type Socket } from 'node:net';

/** The two ends that a PROXY header tells about. */
export interface ProxiedConnection {
  readonly remoteIp: string;
  readonly remotePort: number;
  readonly localIp: string;
  readonly localPort: number;
}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const LOCAL = 0x20;
const PROXY = 0x21;
const STREAM_4 = 0x11;
const STREAM_6 = 0x21;

/**
 * The header of HAProxy's PROXY protocol that begins a connection to upstream. `connection` is the client's; without one the
 * proxy speaks for itself: version 1 names this connection's own ends, version 2 says LOCAL.
 */
export function proxyHeader(version: 1 | 2, connection: ProxiedConnection | undefined, socket: Socket): Buffer {
  if (version === 2)
    return connection === undefined ? Buffer.concat([SIGNATURE, Buffer.from([LOCAL, 0, 0, 0])]) : binary(connection);
  const { localAddress = '', localPort = 0, remoteAddress = '', remotePort = 0 } = socket;
  const own = { remoteIp: localAddress, remotePort: localPort, localIp: remoteAddress, localPort: remotePort };
  return text(connection ?? own);
}

function text({ remoteIp, remotePort, localIp, localPort }: ProxiedConnection): Buffer {
  const family = sameFamily(remoteIp, localIp);
  if (family === 0) return Buffer.from('PROXY UNKNOWN\r\n');
  return Buffer.from(`PROXY TCP${family} ${remoteIp} ${localIp} ${remotePort} ${localPort}\r\n`);
}

function binary({ remoteIp, remotePort, localIp, localPort }: ProxiedConnection): Buffer {
  const family = sameFamily(remoteIp, localIp);
  if (family === 0) return Buffer.concat([SIGNATURE, Buffer.from([LOCAL, 0, 0, 0])]);
  const addresses = Buffer.concat([bytesOf(remoteIp), bytesOf(localIp)]);
  const rest = Buffer.alloc(4);
  rest.writeUInt16BE(addresses.length + 4, 2);
  rest.writeUInt8(PROXY, 0);
  rest.writeUInt8(family === 4 ? STREAM_4 : STREAM_6, 1);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(remotePort, 0);
  ports.writeUInt16BE(localPort, 2);
  return Buffer.concat([SIGNATURE, rest, addresses, ports]);
}

function sameFamily(a: string, b: string): 0 | 4 | 6 {
  const family = isIP(a);
  return family === isIP(b) && (family === 4 || family === 6) ? family : 0;
}

function bytesOf(ip: string): Buffer {
  if (isIP(ip) === 4) return Buffer.from(ip.split('.').map(Number));
  const [head = '', tail] = ip.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, dotted).split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const all = [...before, ...new Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0), ...after];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function dotted(_match: string, ...parts: string[]): string {
  const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
