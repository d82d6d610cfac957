import type { X509Certificate } from 'node:crypto';

/**
 * What makes a certificate with a SPIFFE ID unfit to identify a peer (X.509-SVID sections 2, 4.1, 4.3 and 5.2), or undefined.
 * Certificates without one are none of this function's business.
 */
export function svidFault(certificate: X509Certificate, uris: readonly string[]): string | undefined {
  if (!uris.some((uri) => /^spiffe:/i.test(uri))) return undefined;
  if (uris.length > 1) return 'more than one URI SAN';
  if (certificate.ca) return 'a CA certificate identifies nobody';
  const usage = keyUsageOf(certificate.raw);
  if (usage === undefined) return undefined;
  if ((usage & SIGNS) !== 0) return 'a key that signs certificates identifies nobody';
  return (usage & DIGITAL_SIGNATURE) === 0 ? 'the key may not sign handshakes' : undefined;
}

const DIGITAL_SIGNATURE = 0x80;
/** keyCertSign and cRLSign. */
const SIGNS = 0x06;
const KEY_USAGE = Buffer.of(0x06, 0x03, 0x55, 0x1d, 0x0f);
const OCTET_STRING = 0x04;
const EXTENSIONS = 0xa3;

/** The first eight bits of the key usage; undefined without that extension. The library has verified the encoding. */
function keyUsageOf(der: Buffer): number | undefined {
  const tbs = inside(der, inside(der, { start: 0, end: der.length }));
  const wrapped = find(der, tbs, (tag) => tag === EXTENSIONS);
  if (wrapped === undefined) return undefined;
  const extension = find(der, inside(der, wrapped), (_tag, { start }) =>
    der.subarray(start, start + KEY_USAGE.length).equals(KEY_USAGE),
  );
  const value = extension && find(der, extension, (tag) => tag === OCTET_STRING);
  if (value === undefined) return undefined;
  // BIT STRING: the number of unused bits, then the bits.
  const { start, end } = inside(der, value);
  return end - start < 2 ? 0 : (der[start + 1] ?? 0);
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** The content of the first element of a span. */
function inside(der: Buffer, { start, end }: Span): Span {
  const first = der[start + 1] ?? 0;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  const length = octets === 0 ? first : der.readUIntBE(start + 2, octets);
  const from = start + 2 + octets;
  return { start: from, end: Math.min(from + length, end) };
}

/** The content of the first element of a span that is wanted. */
function find(der: Buffer, span: Span, wanted: (tag: number, content: Span) => boolean): Span | undefined {
  for (let at = span.start; at < span.end; ) {
    const content = inside(der, { start: at, end: span.end });
    if (wanted(der[at] ?? 0, content)) return content;
    at = content.end;
  }
  return undefined;
}
