import type { MatchLabelsSelector, PolicyTargetReference } from './shared.js';

/**
 * security.istio.io AuthorizationPolicy. An unknown field outside `rules` makes it unreadable (it fails closed); inside a
 * rule see `AuthorizationRule.unknownMatch`.
 */
export interface AuthorizationPolicySpec {
  readonly selector?: MatchLabelsSelector;
  /** A policy with targetRef(s) is for the gateways that they name: sidecars leave it out, as Istio's do. */
  readonly targetRef?: PolicyTargetReference;
  readonly targetRefs?: readonly PolicyTargetReference[];
  /** Unset or empty matches no request: with ALLOW nothing is allowed. */
  readonly rules?: readonly AuthorizationRule[];
  /** Unset means ALLOW. AUDIT only marks requests. CUSTOM asks `provider` about what the rules match. */
  readonly action?: 'ALLOW' | 'DENY' | 'AUDIT' | 'CUSTOM';
  /** Of action CUSTOM: a name in MeshConfig.extensionProviders. */
  readonly provider?: { readonly name?: string };
}

/** from, to and when must all match; in each list of from and to any; unset matches all. */
export interface AuthorizationRule {
  /**
   * Set by validation, never by users: the rule holds a condition that we do not know or do not support. The condition is
   * left out here. In an ALLOW policy such a rule matches nothing; in a DENY policy it applies as it stands, wider.
   */
  readonly unknownMatch?: true;
  readonly from?: readonly { readonly source?: AuthorizationSource }[];
  readonly to?: readonly { readonly operation?: AuthorizationOperation }[];
  readonly when?: readonly AuthorizationCondition[];
}

/** Values: exact, `abc*`, `*abc`, `*` for presence. All fields must match. */
export interface AuthorizationSource {
  /** `cluster.local/ns/NAMESPACE/sa/ACCOUNT`, without `spiffe://`. */
  readonly principals?: readonly string[];
  readonly notPrincipals?: readonly string[];
  /** `ISSUER/SUBJECT` of a verified token. */
  readonly requestPrincipals?: readonly string[];
  readonly notRequestPrincipals?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly notNamespaces?: readonly string[];
  /** `ACCOUNT`, of the policy's own namespace, or `NAMESPACE/ACCOUNT`. */
  readonly serviceAccounts?: readonly string[];
  readonly notServiceAccounts?: readonly string[];
  /** CIDR or address of the direct peer. */
  readonly ipBlocks?: readonly string[];
  readonly notIpBlocks?: readonly string[];
  /** CIDR or address of the client by X-Forwarded-For. */
  readonly remoteIpBlocks?: readonly string[];
  readonly notRemoteIpBlocks?: readonly string[];
  readonly trustDomains?: readonly string[];
  readonly notTrustDomains?: readonly string[];
}

export interface AuthorizationOperation {
  /** Compared without regard to case. */
  readonly hosts?: readonly string[];
  readonly notHosts?: readonly string[];
  /** Decimal port numbers. */
  readonly ports?: readonly string[];
  readonly notPorts?: readonly string[];
  readonly methods?: readonly string[];
  readonly notMethods?: readonly string[];
  readonly paths?: readonly string[];
  readonly notPaths?: readonly string[];
}

export interface AuthorizationCondition {
  /**
   * `request.headers[NAME]`, `request.auth.claims[NAME]…`, `experimental.envoy.filters.FILTER[KEY]`, or one of the keys that
   * validation lists. Conditions on other keys are left out and set the rule's unknownMatch.
   */
  readonly key: string;
  readonly values?: readonly string[];
  readonly notValues?: readonly string[];
}
