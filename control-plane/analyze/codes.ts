/** Codes of what shows only when objects are looked at together; Istio's where it has one. */
export const AnalysisCode = {
  referenceNotFound: 'IST0101',
  conflictingMeshHosts: 'IST0109',
  conflictingSidecarSelectors: 'IST0110',
  severalSidecarsWithoutSelector: 'IST0111',
  portRequired: 'IST0112',
  invalidAnnotation: 'IST0125',
  noMatchingWorkloads: 'IST0127',
  noServerVerification: 'IST0128',
  noServerVerificationOfPort: 'IST0129',
  unreachableRule: 'IST0130',
  ineffectiveMatch: 'IST0131',
  hostNotInGateway: 'IST0132',
  addressesRequired: 'IST0134',
  duplicateCertificate: 'IST0138',
  conflictingGateways: 'IST0145',
  claimRoutingUnchecked: 'IST0149',
  relativeOperation: 'IST0151',
  replaceMisused: 'IST0152',
  addMisused: 'IST0153',
  removeMisused: 'IST0154',
  relativeWithProxyVersion: 'IST0155',
  unknownTelemetryProvider: 'IST0157',
  conflictingTelemetrySelectors: 'IST0159',
  severalTelemetriesWithoutSelector: 'IST0160',
  invalidCredential: 'IST0161',
  portNotOnService: 'IST0162',
  subsetSelectsNothing: 'IST0173',
  unknownRuleHost: 'IST0174',
  conflictingEntryProtocol: 'IST0177',
  /** Two policies of which only one can apply to a workload. */
  conflictingPolicies: 'WEFT0201',
  /** Weights that leave nothing to divide. */
  noWeight: 'WEFT0202',
  /** Two DestinationRules for one host of which one part is not used. */
  conflictingRules: 'WEFT0203',
  /** A client is told to speak plain text to a workload that takes only mTLS. */
  plaintextToStrict: 'WEFT0204',
  /** A policy asks for claims of tokens where none are checked. */
  tokensUnchecked: 'WEFT0231',
  /** An issuer does not give its keys. */
  keysUnavailable: 'WEFT0232',
  /** So small a share of so few workloads that none is ever ejected. */
  neverEjects: 'WEFT0207',
  /** A route of a delegate that takes what its root does not give it. */
  delegateConflict: 'WEFT0220',
  /** An ingress listener, or its TLS, of a Sidecar that cannot do what it says. */
  ingressWithoutEffect: 'WEFT0221',
  /** Hosts that only a request could name, at a port where none is read. */
  namesUnread: 'WEFT0222',
  /** A TrafficSplit for a host that a VirtualService routes. */
  splitOverridden: 'WEFT0205',
} as const;
