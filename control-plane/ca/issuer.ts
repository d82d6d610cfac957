import type { KeyObject } from 'node:crypto';
import { buildCertificate } from '../../common/identity/certificate.js';
import type { SubjectAltNames } from '../../common/identity/extensions.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { RootCa } from './root.js';

export const MIN_TTL_SECONDS = 10;
/** Backdating, so that a proxy whose clock is behind takes a certificate at once. */
const CLOCK_SKEW_MS = 120_000;

export interface IssuerOptions {
  /** Lifetime where the request does not say. */
  readonly defaultTtlSeconds: number;
  readonly maxTtlSeconds: number;
}

export interface IssuedCertificate {
  /** PEM: the certificate, then its root. */
  readonly chain: readonly [certificate: string, root: string];
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** Issues certificates below one root; never one that outlives it. */
export class Issuer {
  constructor(
    readonly root: RootCa,
    private readonly options: IssuerOptions,
    private readonly clock: Clock,
  ) {}

  /** `ttlSeconds` 0 is the default; anything else is kept between 10 s and the configured maximum. */
  issue(publicKey: KeyObject, names: SubjectAltNames, ttlSeconds: number): IssuedCertificate {
    const wanted = ttlSeconds === 0 ? this.options.defaultTtlSeconds : ttlSeconds;
    const seconds = Math.max(MIN_TTL_SECONDS, Math.min(wanted, this.options.maxTtlSeconds));
    const now = this.clock.now();
    const rootEnd = Date.parse(this.root.certificate.validTo);
    // Certificates have whole seconds: rounded up, so that none is shorter than promised.
    const notAfter = Math.min(Math.ceil((now + seconds * 1000) / 1000) * 1000, rootEnd);
    const notBefore = Math.max(now - CLOCK_SKEW_MS, Date.parse(this.root.certificate.validFrom));
    const certificate = buildCertificate({ publicKey, names, notBefore, notAfter, signer: this.root });
    return { chain: [certificate, this.root.pem], notAfter };
  }
}
