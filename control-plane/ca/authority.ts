import type { Signer } from '../../common/identity/certificate.js';

/** Who signs certificates, and what others need to believe them. */
export interface Authority extends Signer {
  /** PEM, from the signer's own certificate up to the one below the root; empty where the root itself signs. */
  readonly intermediates: readonly string[];
  /** PEM of every root that is to be trusted, in one text. */
  readonly roots: string;
  /** When the first certificate of the chain that signs ends, in milliseconds since the epoch. */
  readonly notAfter: number;
  /** When the first of the roots ends. */
  readonly rootNotAfter: number;
  /** Where it comes from, for people. */
  readonly source: string;
}
