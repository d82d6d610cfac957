/** One PEM block (RFC 7468) around `der`. */
export function toPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** DER of every block with this label, in order; text between blocks is skipped. */
export function fromPem(label: string, pem: string): Buffer[] {
  const pattern = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`, 'g');
  return [...pem.matchAll(pattern)].map(([, body = '']) => Buffer.from(body.replace(/\s/g, ''), 'base64'));
}

/** Certificates of a bundle, each as PEM of its own. */
export function splitCertificates(bundle: string): string[] {
  return fromPem('CERTIFICATE', bundle).map((der) => toPem('CERTIFICATE', der));
}
