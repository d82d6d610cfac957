import { X509Certificate } from 'node:crypto';
import { splitCertificates } from '../../common/identity/pem.js';

/** A SPIFFE bundle (SPIFFE Trust Domain and Bundle, section 4): a JWK set whose keys are roots. */
export interface SpiffeBundle {
  /** PEM. */
  readonly roots: string;
  /** When to look again; undefined where the document does not say. */
  readonly refreshSeconds: number | undefined;
}

const USE = 'x509-svid';

/** Throws an Error for what is no bundle, or holds no root. Keys for anything but X.509 are passed over, as the document asks. */
export function readSpiffeBundle(text: string): SpiffeBundle {
  const { keys, spiffe_refresh_hint: hint } = JSON.parse(text) as { keys?: unknown; spiffe_refresh_hint?: unknown };
  if (!Array.isArray(keys)) throw new Error('it has no keys');
  const roots = keys
    .filter((key): key is { use: string; x5c?: unknown } => isObject(key) && key['use'] === USE)
    .map(({ x5c }) => rootOf(x5c));
  if (roots.length === 0) throw new Error(`it has no key whose use is ${USE}`);
  return { roots: roots.join(''), refreshSeconds: typeof hint === 'number' && hint > 0 ? hint : undefined };
}

/** The bundle of a trust domain with these roots (PEM), as JSON. */
export function writeSpiffeBundle(roots: string, refreshSeconds: number): object {
  return {
    keys: splitCertificates(roots).map((pem) => {
      const certificate = new X509Certificate(pem);
      const jwk = certificate.publicKey.export({ format: 'jwk' });
      return { use: USE, ...jwk, x5c: [certificate.raw.toString('base64')] };
    }),
    spiffe_refresh_hint: refreshSeconds,
  };
}

function rootOf(x5c: unknown): string {
  if (!Array.isArray(x5c) || x5c.length !== 1 || typeof x5c[0] !== 'string') {
    throw new Error('a key does not have exactly one certificate (x5c)');
  }
  const certificate = new X509Certificate(Buffer.from(x5c[0], 'base64'));
  if (!certificate.ca) throw new Error(`${certificate.subject} is no certificate authority`);
  return certificate.toString();
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
