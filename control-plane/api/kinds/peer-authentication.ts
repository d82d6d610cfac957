import type { MatchLabelsSelector } from './shared.js';

/** UNSET takes the mode of the next wider policy; finally PERMISSIVE. */
export type MutualTlsMode = 'UNSET' | 'DISABLE' | 'PERMISSIVE' | 'STRICT';

/**
 * security.istio.io PeerAuthentication. An unknown field anywhere makes it unreadable (it fails closed), so what is here
 * is all that the user wrote.
 */
export interface PeerAuthenticationSpec {
  readonly selector?: MatchLabelsSelector;
  readonly mtls?: { readonly mode?: MutualTlsMode };
  /** By the workload's (not the service's) port, as a decimal string; only with a selector. */
  readonly portLevelMtls?: Readonly<Record<string, { readonly mode?: MutualTlsMode }>>;
}
