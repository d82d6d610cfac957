import { X509Certificate } from 'node:crypto';
import { splitCertificates } from '../../common/identity/pem.js';
import type { Authority } from './authority.js';
import type { ExternalSigner } from './external-signer.js';
import type { RootState, Rotation } from './root-state.js';
import { fingerprintOf } from './rotation.js';
import type { RequestOutcome } from './rotation-requests.js';
import type { Laggards, ProxyTrust } from './trust-view.js';

/** One certificate of the authority, for people; times in RFC 3339. */
export interface CertificateReport {
  readonly subject: string;
  readonly sha256: string;
  /** `EC prime256v1`, `RSA 2048`. */
  readonly key: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** Whether it signs the certificates of workloads. */
  readonly signs: boolean;
}

/** `/debug/ca`: what `weft ca status` shows. No key is in it. */
export interface CaReport {
  readonly source: string;
  /** Who signs the certificates of workloads in the place of `signer`, which keeps those of the control plane. */
  readonly external?: string;
  readonly signer: CertificateReport;
  readonly intermediates: readonly CertificateReport[];
  readonly roots: readonly CertificateReport[];
  readonly rotation?: Omit<Rotation, 'other' | 'startedAt' | 'stepSince'> & {
    readonly startedAt: string;
    readonly stepSince: string;
    readonly settled: boolean;
    readonly waitingFor: Laggards['waitingFor'];
    /** Why it cannot go on. */
    readonly problem: string;
  };
  /** Proxies of the replica that answers. */
  readonly proxies: readonly { readonly proxy: string; readonly roots: ProxyState; readonly certificate: ProxyState }[];
  readonly lastRequest?: RequestOutcome;
}

/** `unknown`: a proxy that does not say, like an Envoy without our agent. */
export type ProxyState = 'current' | 'old' | 'refused' | 'unknown';

export interface CaSubject {
  readonly authority: Authority;
  readonly external?: ExternalSigner | undefined;
  readonly state: RootState | undefined;
  readonly proxies: readonly ProxyTrust[];
  readonly laggards: Laggards | undefined;
  readonly problem: string;
  readonly lastRequest: RequestOutcome | undefined;
}

export function caReport({ authority, external, state, proxies, laggards, problem, lastRequest }: CaSubject): CaReport {
  const signerPem = authority.certificate.toString();
  const issuer = fingerprintOf(signerPem);
  const reportOf = (pem: string): CertificateReport => certificateReport(pem, issuer);
  const { other: _key, ...rotation } = state?.rotation ?? {};
  return {
    source: authority.source,
    ...(external !== undefined && { external: external.name }),
    signer: reportOf(signerPem),
    intermediates: authority.intermediates.map(reportOf),
    roots: splitCertificates(authority.roots + (external?.roots ?? '')).map(reportOf),
    ...(state?.rotation !== undefined && {
      rotation: {
        ...(rotation as Omit<Rotation, 'other'>),
        startedAt: new Date(state.rotation.startedAt).toISOString(),
        stepSince: new Date(state.rotation.stepSince).toISOString(),
        settled: laggards?.settled ?? false,
        waitingFor: laggards?.waitingFor ?? [],
        problem,
      },
    }),
    proxies: proxies.map((proxy) => ({
      proxy: proxy.id,
      roots: rootsOf(proxy),
      certificate:
        proxy.issuer === undefined || external !== undefined ? 'unknown' : proxy.issuer === issuer ? 'current' : 'old',
    })),
    ...(lastRequest !== undefined && { lastRequest }),
  };
}

function rootsOf({ tells, current, refusal }: ProxyTrust): ProxyState {
  if (!tells) return 'unknown';
  if (refusal !== '') return 'refused';
  return current ? 'current' : 'old';
}

function certificateReport(pem: string, issuer: string): CertificateReport {
  const certificate = new X509Certificate(pem);
  const { asymmetricKeyType: type = '', asymmetricKeyDetails: details } = certificate.publicKey;
  const sha256 = fingerprintOf(pem);
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    sha256,
    key: `${type.toUpperCase()} ${details?.namedCurve ?? details?.modulusLength ?? ''}`.trim(),
    notBefore: new Date(certificate.validFrom).toISOString(),
    notAfter: new Date(certificate.validTo).toISOString(),
    signs: sha256 === issuer,
  };
}
