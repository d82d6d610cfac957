import type { KeyKind } from '../common/identity/keys.js';
import type { Bootstrap__Output } from '../proto/gen/envoy/config/bootstrap/v3/Bootstrap.js';
import type { Node__Output } from '../proto/gen/envoy/config/core/v3/Node.js';

/** What the proxy runs with: the bootstrap, read once, and frozen. */
export interface ProxyConfig {
  /** As it was given, for /config_dump. */
  readonly bootstrap: Bootstrap__Output;
  /** As it is sent to the xDS server. */
  readonly node: Node__Output;
  readonly workload: WorkloadSettings;
  /** undefined turns the admin server off. */
  readonly admin: { readonly host: string; readonly port: number } | undefined;
  readonly staticResources: NonNullable<Bootstrap__Output['static_resources']>;
  readonly dynamic: DynamicSettings;
  readonly ca: CaSettings | undefined;
  /** File with the bearer token for xDS and CA, read at every use; undefined sends none. */
  readonly tokenPath: string | undefined;
  /** Where the workload's DNS queries come (metadata DNS_CAPTURE); undefined leaves DNS alone. */
  readonly dns: { readonly hosts: readonly string[]; readonly port: number } | undefined;
  /** Where applications may have the workload's identity (metadata WORKLOAD_API_SOCKET); undefined keeps it to ourselves. */
  readonly workloadApi: { readonly socketPath: string; readonly uids: ReadonlySet<number> | 'any' } | undefined;
  /** How long requests may finish after SIGTERM, ms. */
  readonly drainMs: number;
  /** How long an edge may be idle before its series are dropped, ms; Infinity keeps them. */
  readonly statsEvictionMs: number;
  /** How long connections of a listener or filter chain that was replaced may finish what they do, ms. */
  readonly listenerDrainMs: number;
}

/** Who this proxy stands beside, from node.metadata. Empty where the bootstrap does not say. */
export interface WorkloadSettings {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly clusterId: string;
  readonly meshId: string;
  readonly trustDomain: string;
}

export interface CaSettings {
  /** `host:port`. */
  readonly address: string;
  readonly rootsPath: string | undefined;
  /** Lifetime that is asked for. */
  readonly ttlSeconds: number;
  readonly keyKind: KeyKind;
}

/** Where resources come from beyond the bootstrap. */
export interface DynamicSettings {
  readonly ads: AdsSettings | undefined;
  /** `ads`, or the path of a file with a DiscoveryResponse. */
  readonly listeners: ResourceOrigin;
  readonly clusters: ResourceOrigin;
}

export type ResourceOrigin = { readonly kind: 'none' | 'ads' } | { readonly kind: 'file'; readonly path: string };

export interface AdsSettings {
  readonly delta: boolean;
  /** Name of the static cluster that reaches the server. */
  readonly cluster: string;
  readonly authority: string;
  readonly metadata: readonly (readonly [name: string, value: string])[];
}
