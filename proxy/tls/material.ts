import type { SecureContextOptions } from 'node:tls';
import type { DownstreamTls, UpstreamTls } from './context.js';
import { uriSanOf } from './peer.js';
import type { SecretStore } from './secrets.js';

/** What TLS settings amount to with the secrets of this moment. */
export interface TlsMaterial {
  readonly options: SecureContextOptions;
  /** Whether there are roots to verify a peer by. */
  readonly verifies: boolean;
  readonly localUriSan: string | undefined;
}

/** undefined while a secret that the settings name has not come. */
export function resolveMaterial(tls: DownstreamTls | UpstreamTls, secrets: SecretStore): TlsMaterial | undefined {
  const certificate = certificateOf(tls, secrets);
  const roots = rootsOf(tls, secrets);
  if (certificate === 'missing' || roots === 'missing') return undefined;
  const revoked = [tls.validation.crl, roots?.crl].filter((crl) => crl !== undefined);
  const options: SecureContextOptions = {
    minVersion: tls.parameters.minVersion,
    maxVersion: tls.parameters.maxVersion,
    ...(tls.parameters.ciphers === undefined ? {} : { ciphers: tls.parameters.ciphers }),
    ...(certificate === undefined ? {} : { cert: certificate.certificateChain, key: certificate.privateKey }),
    ...(roots === undefined ? {} : { ca: roots.pem }),
    ...(revoked.length === 0 ? {} : { crl: revoked }),
  };
  const localUriSan = certificate === undefined ? undefined : uriSanOf(certificate.certificateChain);
  return { options, verifies: roots !== undefined, localUriSan };
}

type Pair = { readonly certificateChain: string; readonly privateKey: string };

function certificateOf(tls: DownstreamTls | UpstreamTls, secrets: SecretStore): Pair | undefined | 'missing' {
  const ref = tls.certificate;
  if (ref.kind === 'none') return undefined;
  if (ref.kind === 'inline') return ref;
  const secret = secrets.get(ref.name);
  return secret?.kind === 'certificate' ? secret : 'missing';
}

type Roots = { readonly pem: string; readonly crl?: string };

/** Never an empty string: that would make the library fall back to the roots of public authorities. */
function rootsOf(tls: DownstreamTls | UpstreamTls, secrets: SecretStore): Roots | 'missing' | undefined {
  const ref = tls.validation.roots;
  if (ref.kind === 'none') return undefined;
  if (ref.kind === 'inline') return ref;
  const secret = secrets.get(ref.name);
  return secret?.kind === 'roots' ? secret : 'missing';
}
