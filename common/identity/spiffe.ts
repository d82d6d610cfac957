/** A SPIFFE ID of a workload, `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT` (SPIFFE-ID section 2; path as Istio has it). */
export type SpiffeId = string & { readonly __brand: 'SpiffeId' };

export interface WorkloadIdentity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** What one segment of a SPIFFE ID's path may be (SPIFFE-ID section 2.2); a `/` would make two names one identity. */
export const PATH_SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;

export function formatSpiffeId(identity: WorkloadIdentity): SpiffeId {
  return `spiffe://${identity.trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}` as SpiffeId;
}

/** Trust domain of any SPIFFE ID, workload-shaped or not. */
export function trustDomainOf(uri: string): string | undefined {
  return /^spiffe:\/\/([a-z0-9._-]{1,255})(?:\/|$)/.exec(uri)?.[1];
}
