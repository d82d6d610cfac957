/** What a ClientHello offers, as far as filter chains are chosen by it. */
export interface ClientHello {
  /** Lower-case server name (RFC 6066 section 3); undefined when the client sent none. */
  readonly serverName: string | undefined;
  /** Protocols offered (RFC 7301). */
  readonly alpn: readonly string[];
}

/** `incomplete`: more bytes are needed. `none`: these bytes begin no TLS ClientHello. */
export type HelloResult = ClientHello | 'incomplete' | 'none';

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ALPN = 16;
/** What Envoy's inspector reads at most. A longer ClientHello is treated as none. */
const MAX_HELLO = 16 * 1024;
/** Records over which a ClientHello may be spread; each packet makes us look at all of them again. */
const MAX_RECORDS = 32;

/**
 * Reads the first TLS records of a connection (RFC 8446 sections 4.1.2 and 5.1). A ClientHello may be spread over
 * several records; its lengths are not believed beyond what has arrived.
 */
export function parseClientHello(bytes: Buffer): HelloResult {
  const joined = handshakeBytes(bytes);
  if (joined === 'none' || joined === 'incomplete') return joined;
  if (joined.length < 4) return 'incomplete';
  if (joined[0] !== CLIENT_HELLO) return 'none';
  const length = joined.readUIntBE(1, 3);
  if (length > MAX_HELLO) return 'none';
  if (joined.length < 4 + length) return 'incomplete';
  return readHello(new Cursor(joined.subarray(4, 4 + length)));
}

/** The contents of the handshake records so far, joined. */
function handshakeBytes(bytes: Buffer): Buffer | 'none' | 'incomplete' {
  if (bytes.length === 0) return 'incomplete';
  const parts: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] !== HANDSHAKE) return at === 0 ? 'none' : Buffer.concat(parts);
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return 'none';
    if (at + 5 > bytes.length) break;
    const length = bytes.readUInt16BE(at + 3);
    // RFC 8446 section 5.1: no empty fragments of a handshake.
    if (length === 0 || parts.length >= MAX_RECORDS) return 'none';
    const end = at + 5 + length;
    parts.push(bytes.subarray(at + 5, Math.min(end, bytes.length)));
    at = end;
  }
  return Buffer.concat(parts);
}

function readHello(body: Cursor): HelloResult {
  body.skip(2 + 32);
  body.vector(1);
  body.vector(2);
  body.vector(1);
  const extensions = new Cursor(body.vector(2));
  let serverName: string | undefined;
  let alpn: readonly string[] = [];
  while (extensions.left > 0 && !extensions.broken) {
    const type = extensions.uint(2);
    const data = extensions.vector(2);
    if (type === SERVER_NAME) serverName = readServerName(new Cursor(data));
    else if (type === ALPN) alpn = readProtocols(new Cursor(data));
  }
  return body.broken || extensions.broken ? 'none' : { serverName, alpn };
}

function readServerName(data: Cursor): string | undefined {
  const list = new Cursor(data.vector(2));
  while (list.left > 0 && !list.broken) {
    const type = list.uint(1);
    const name = list.vector(2);
    if (type === 0 && name.length > 0) return name.toString('latin1').toLowerCase();
  }
  return undefined;
}

function readProtocols(data: Cursor): string[] {
  const list = new Cursor(data.vector(2));
  const protocols: string[] = [];
  while (list.left > 0 && !list.broken) protocols.push(list.vector(1).toString('latin1'));
  return protocols;
}

/** Reads TLS's length-prefixed vectors; past the end everything is empty and `broken` is set. */
class Cursor {
  broken = false;
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  uint(size: 1 | 2): number {
    if (this.left < size) return this.fail();
    const value = this.bytes.readUIntBE(this.at, size);
    this.at += size;
    return value;
  }

  vector(prefix: 1 | 2): Buffer {
    const length = this.uint(prefix);
    if (this.left < length) this.fail();
    const value = this.bytes.subarray(this.at, this.at + length);
    this.at += value.length;
    return value;
  }

  skip(count: number): void {
    if (this.left < count) this.fail();
    this.at = Math.min(this.bytes.length, this.at + count);
  }

  private fail(): number {
    this.broken = true;
    this.at = this.bytes.length;
    return 0;
  }
}
