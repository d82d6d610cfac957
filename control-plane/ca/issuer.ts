import type { KeyObject } from 'node:crypto';
import { buildCertificate } from '../../common/identity/certificate.js';
import type { SubjectAltNames } from '../../common/identity/extensions.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { Authority } from './authority.js';

export const MIN_TTL_SECONDS = 10;
/** Backdating, so that a proxy whose clock is behind takes a certificate at once. */
const CLOCK_SKEW_MS = 60_000;

export interface IssuerOptions {
  /** Lifetime where the request does not say. */
  readonly defaultTtlSeconds: number;
  readonly maxTtlSeconds: number;
}

export interface IssuedCertificate {
  /** PEM: the certificate, what leads to its root, and the roots in one text. */
  readonly chain: readonly [certificate: string, ...authorities: string[]];
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** Issues certificates below one authority; never one that outlives it. */
export class Issuer {
  private current: Authority;
  private readonly listeners = new Set<() => void>();

  constructor(
    authority: Authority,
    private readonly options: IssuerOptions,
    private readonly clock: Clock,
  ) {
    this.current = authority;
  }

  get authority(): Authority {
    return this.current;
  }

  /** From now on another authority signs. */
  replace(authority: Authority): void {
    this.current = authority;
    for (const listener of this.listeners) listener();
  }

  /** Calls back after the authority was replaced; returns what ends that. */
  onReplaced(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** `ttlSeconds` 0 is the default; anything else is kept between 10 s and the configured maximum. */
  issue(publicKey: KeyObject, names: SubjectAltNames, ttlSeconds: number): IssuedCertificate {
    const signer = this.current;
    const wanted = ttlSeconds === 0 ? this.options.defaultTtlSeconds : ttlSeconds;
    const seconds = Math.max(MIN_TTL_SECONDS, Math.min(wanted, this.options.maxTtlSeconds));
    const now = this.clock.now();
    // Certificates have whole seconds: rounded up, so that none is shorter than promised.
    const notAfter = Math.min(Math.ceil((now + seconds * 1000) / 1000) * 1000, signer.notAfter);
    const notBefore = Math.max(now - CLOCK_SKEW_MS, Date.parse(signer.certificate.validFrom));
    const certificate = buildCertificate({ publicKey, names, notBefore, notAfter, signer });
    return { chain: [certificate, ...signer.intermediates, signer.roots], notAfter };
  }
}
