import type { SecureContextOptions } from 'node:tls';
import { certificatesOf } from './compile.js';
import type { DownstreamTls, SecretRef, UpstreamTls } from './context.js';
import { uriSanOf } from './peer.js';
import type { SecretStore } from './secrets.js';
import { TrustDomains } from './trust-domains.js';

/** What TLS settings amount to with the secrets of this moment. */
export interface TlsMaterial {
  readonly options: SecureContextOptions;
  /** Whether there are roots to verify a peer by. */
  readonly verifies: boolean;
  readonly localUriSan: string | undefined;
  /** PEM of the first chain. */
  readonly localCertificate: string | undefined;
  /** Holds peers to the roots of their trust domain, where there are several. */
  readonly domains: TrustDomains | undefined;
}

/** undefined while a secret that the settings name has not come. */
export function resolveMaterial(tls: DownstreamTls | UpstreamTls, secrets: SecretStore): TlsMaterial | undefined {
  const pairs: Pair[] = [];
  for (const ref of certificatesOf(tls)) {
    const pair = certificateOf(ref, secrets);
    if (pair === 'missing') return undefined;
    if (pair !== undefined) pairs.push(pair);
  }
  const roots = rootsOf(tls, secrets);
  if (roots === 'missing') return undefined;
  const revoked = [tls.validation.crl, roots?.crl].filter((crl) => crl !== undefined);
  const options: SecureContextOptions = {
    minVersion: tls.parameters.minVersion,
    maxVersion: tls.parameters.maxVersion,
    ...(tls.parameters.ciphers === undefined ? {} : { ciphers: tls.parameters.ciphers }),
    ...(tls.parameters.groups === undefined ? {} : { ecdhCurve: tls.parameters.groups }),
    ...identity(pairs),
    ...(roots === undefined ? {} : { ca: [roots.pem, ...(roots.federated?.values() ?? [])].join('\n') }),
    ...(revoked.length === 0 ? {} : { crl: revoked }),
  };
  const localCertificate = pairs[0]?.certificateChain;
  const localUriSan = localCertificate === undefined ? undefined : uriSanOf(localCertificate);
  const { federated } = roots ?? {};
  const domains = federated === undefined ? undefined : new TrustDomains(roots?.pem ?? '', federated);
  return { options, verifies: roots !== undefined, localUriSan, localCertificate, domains };
}

type Pair = { readonly certificateChain: string; readonly privateKey: string };

function identity(pairs: readonly Pair[]): SecureContextOptions {
  const [only] = pairs;
  if (only === undefined) return {};
  if (pairs.length === 1) return { cert: only.certificateChain, key: only.privateKey };
  return {
    cert: pairs.map(({ certificateChain }) => certificateChain),
    key: pairs.map(({ privateKey }) => privateKey),
  };
}

function certificateOf(ref: SecretRef, secrets: SecretStore): Pair | undefined | 'missing' {
  if (ref.kind === 'none') return undefined;
  if (ref.kind === 'inline') return ref;
  const secret = secrets.get(ref.name);
  return secret?.kind === 'certificate' ? secret : 'missing';
}

type Roots = { readonly pem: string; readonly crl?: string; readonly federated?: ReadonlyMap<string, string> };

/** Never an empty string: that would make the library fall back to the roots of public authorities. */
function rootsOf(tls: DownstreamTls | UpstreamTls, secrets: SecretStore): Roots | 'missing' | undefined {
  const ref = tls.validation.roots;
  if (ref.kind === 'none') return undefined;
  if (ref.kind === 'inline') return ref;
  const secret = secrets.get(ref.name);
  return secret?.kind === 'roots' ? secret : 'missing';
}
