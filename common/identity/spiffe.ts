/** A SPIFFE ID of a workload, `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT` (SPIFFE-ID section 2; path as Istio has it). */
export type SpiffeId = string & { readonly __brand: 'SpiffeId' };

export interface WorkloadIdentity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

export function formatSpiffeId(identity: WorkloadIdentity): SpiffeId {
  return `spiffe://${identity.trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}` as SpiffeId;
}

/** Trust domain of any SPIFFE ID, workload-shaped or not. */
export function trustDomainOf(uri: string): string | undefined {
  return /^spiffe:\/\/([a-z0-9._-]{1,255})(?:\/|$)/.exec(uri)?.[1];
}
