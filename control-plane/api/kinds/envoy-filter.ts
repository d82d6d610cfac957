import type { LabelsSelector, PolicyTargetReference } from './shared.js';

/** networking.istio.io EnvoyFilter. */
export interface EnvoyFilterSpec {
  readonly workloadSelector?: LabelsSelector;
  readonly targetRefs?: readonly PolicyTargetReference[];
  readonly configPatches?: readonly ConfigPatch[];
  /** Lower ones go first. */
  readonly priority?: number;
}

export interface ConfigPatch {
  readonly applyTo: ApplyTo;
  readonly match?: ConfigMatch;
  readonly patch: PatchBody;
}

export type ApplyTo =
  | 'LISTENER'
  | 'FILTER_CHAIN'
  | 'NETWORK_FILTER'
  | 'HTTP_FILTER'
  | 'ROUTE_CONFIGURATION'
  | 'VIRTUAL_HOST'
  | 'HTTP_ROUTE'
  | 'CLUSTER'
  | 'EXTENSION_CONFIG'
  | 'BOOTSTRAP'
  | 'LISTENER_FILTER';

export type PatchContext = 'ANY' | 'SIDECAR_INBOUND' | 'SIDECAR_OUTBOUND' | 'GATEWAY' | 'WAYPOINT';

export type PatchOperation =
  | 'MERGE'
  | 'ADD'
  | 'REMOVE'
  | 'INSERT_BEFORE'
  | 'INSERT_AFTER'
  | 'INSERT_FIRST'
  | 'REPLACE'
  | 'MERGE_AND_REPLACE_LIST';

export interface ConfigMatch {
  readonly context?: PatchContext;
  readonly proxy?: { readonly proxyVersion?: string; readonly metadata?: Readonly<Record<string, string>> };
  readonly listener?: ListenerMatch;
  readonly routeConfiguration?: RouteConfigurationMatch;
  readonly cluster?: ClusterMatch;
  readonly waypoint?: unknown;
}

export interface ListenerMatch {
  readonly portNumber?: number;
  readonly portName?: string;
  readonly filterChain?: ChainMatch;
  readonly listenerFilter?: string;
  readonly name?: string;
}

export interface ChainMatch {
  readonly name?: string;
  readonly sni?: string;
  readonly transportProtocol?: string;
  /** Separated by commas. */
  readonly applicationProtocols?: string;
  readonly filter?: { readonly name?: string; readonly subFilter?: { readonly name?: string } };
  readonly destinationPort?: number;
  /** Name of the chain's transport socket. */
  readonly transportSocket?: string;
}

export interface RouteConfigurationMatch {
  readonly portNumber?: number;
  readonly portName?: string;
  readonly gateway?: string;
  readonly vhost?: VirtualHostMatch;
  readonly name?: string;
}

export interface VirtualHostMatch {
  readonly name?: string;
  readonly domainName?: string;
  readonly route?: { readonly name?: string; readonly action?: 'ANY' | 'ROUTE' | 'REDIRECT' | 'DIRECT_RESPONSE' };
}

export interface ClusterMatch {
  readonly portNumber?: number;
  readonly service?: string;
  readonly subset?: string;
  readonly name?: string;
}

export interface PatchBody {
  readonly operation: PatchOperation;
  /** JSON of an Envoy message. */
  readonly value?: unknown;
  readonly filterClass?: 'UNSPECIFIED' | 'AUTHN' | 'AUTHZ' | 'STATS';
}
