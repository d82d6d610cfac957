import { createHash, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { PeerInfo } from '../http/stream-info.js';
import { svidFault } from './svid.js';

/** The names in a certificate's subjectAltName extension that identities are made of. */
export interface CertificateNames {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  /** IP addresses in text. */
  readonly ips: readonly string[];
}

/** The parts of a verified peer certificate, read once a connection. */
export interface PeerCertificate extends CertificateNames {
  /** RFC 2253 order, most specific first; empty for SPIFFE SVIDs. */
  readonly subject: string;
  readonly sha256: string;
  readonly der: Buffer;
  /** SHA-256 of the public key, base64. */
  spki(): string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  /** Why its SPIFFE ID is not to be believed. */
  readonly svidFault: string | undefined;
}

/**
 * URI and DNS names of node's text form of the extension, `URI:spiffe://a/b, DNS:c`. Names that could be
 * mistaken for a list are quoted there as JSON strings.
 */
export function parseSubjectAltName(text: string | undefined): CertificateNames {
  const uris: string[] = [];
  const dns: string[] = [];
  const ips: string[] = [];
  for (const [, type, quoted, plain] of (text ?? '').matchAll(ENTRY)) {
    const value = quoted === undefined ? plain : unquote(quoted);
    if (value === undefined) continue;
    if (type === 'URI') uris.push(value);
    else if (type === 'DNS') dns.push(value);
    else if (type === 'IP Address') ips.push(value);
  }
  return { uris, dns, ips };
}

const ENTRY = /(?:^|, )([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|((?:(?!, [A-Za-z ]+:).)*))/gs;

function unquote(text: string): string | undefined {
  try {
    return String(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Certificates that were read lately, by their bytes; the longest unused give way. */
const read = new Map<string, PeerCertificate>();
const MOST_READ = 512;

/** Who connects often is read once, and all its connections share what was found. */
export function readPeerCertificate(certificate: X509Certificate): PeerCertificate {
  const der = certificate.raw;
  const key = der.toString('latin1');
  const known = read.get(key);
  if (known !== undefined) {
    read.delete(key);
    read.set(key, known);
    return known;
  }
  const peer = parsePeerCertificate(certificate, der);
  read.set(key, peer);
  if (read.size > MOST_READ) {
    const [oldest] = read.keys();
    if (oldest !== undefined) read.delete(oldest);
  }
  return peer;
}

function parsePeerCertificate(certificate: X509Certificate, der: Buffer): PeerCertificate {
  const names = parseSubjectAltName(certificate.subjectAltName);
  return {
    ...names,
    subject: (certificate.subject ?? '').split('\n').filter(Boolean).reverse().join(','),
    sha256: createHash('sha256').update(der).digest('hex'),
    der,
    spki: () =>
      createHash('sha256')
        .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
        .digest('base64'),
    notAfter: Date.parse(certificate.validTo),
    svidFault: svidFault(certificate, names.uris),
  };
}

/** First URI SAN of a PEM chain's leaf; undefined when it has none or is no certificate. */
export function uriSanOf(pem: string): string | undefined {
  try {
    return parseSubjectAltName(new X509Certificate(pem).subjectAltName).uris[0];
  } catch {
    return undefined;
  }
}

const NONE = Buffer.alloc(0);

/** What a finished handshake says. `certificate` is the peer's when it was verified. */
export function peerInfo(
  socket: TLSSocket,
  certificate: PeerCertificate | undefined,
  names: Pick<PeerInfo, 'localUriSan' | 'localCertificate' | 'sni'>,
): PeerInfo {
  return {
    mtls: certificate !== undefined,
    uriSan: certificate?.uris[0],
    dnsSans: certificate?.dns ?? [],
    subject: certificate?.subject ?? '',
    sha256: certificate?.sha256 ?? '',
    certificate: certificate?.der ?? NONE,
    localUriSan: names.localUriSan,
    localCertificate: names.localCertificate,
    cipher: socket.getCipher()?.name,
    tlsVersion: socket.getProtocol() ?? undefined,
    sni: names.sni === '' ? undefined : names.sni,
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
  };
}
