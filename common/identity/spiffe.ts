/** A SPIFFE ID of a workload, `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT` (SPIFFE-ID section 2; path as Istio has it). */
export type SpiffeId = string & { readonly __brand: 'SpiffeId' };

export interface WorkloadIdentity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

const PATTERN = /^spiffe:\/\/([a-z0-9._-]{1,255})\/ns\/([^/?#]+)\/sa\/([^/?#]+)$/;

export function formatSpiffeId(identity: WorkloadIdentity): SpiffeId {
  return `spiffe://${identity.trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}` as SpiffeId;
}

/** The parts of a workload's SPIFFE ID, or undefined when `uri` is not one. */
export function parseSpiffeId(uri: string): WorkloadIdentity | undefined {
  const match = PATTERN.exec(uri);
  if (match === null) return undefined;
  const [, trustDomain = '', namespace = '', serviceAccount = ''] = match;
  return { trustDomain, namespace, serviceAccount };
}

/** Trust domain of any SPIFFE ID, workload-shaped or not. */
export function trustDomainOf(uri: string): string | undefined {
  return /^spiffe:\/\/([a-z0-9._-]{1,255})(?:\/|$)/.exec(uri)?.[1];
}
