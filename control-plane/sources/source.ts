import type { ConfigObject, Finding, ObjectKey } from '../api/object.js';
import type { JwksState } from '../model/jwks.js';

/** Everything that a source knows at one moment; immutable. Objects that do not validate are replaced by their last good state. */
export interface ConfigSet {
  readonly objects: ReadonlyMap<ObjectKey, ConfigObject>;
  /** Namespace of the ConfigMap `istio` and, unless that says otherwise, of mesh-wide policies; istio-system when undefined. */
  readonly rootNamespace?: string;
  /** Schema errors, unknown and unsupported fields, files that could not be read. */
  readonly findings: readonly Finding[];
  /**
   * Security policies that were never readable: they fail closed. The selector is what could be read of it; undefined
   * means every workload of the namespace (of the mesh, in the root namespace).
   */
  readonly unreadablePolicies: readonly {
    readonly kind: 'AuthorizationPolicy' | 'PeerAuthentication' | 'RequestAuthentication';
    readonly namespace: string;
    readonly name: string;
    readonly selector: Readonly<Record<string, string>> | undefined;
  }[];
  /** Keys of issuers that the control plane has fetched; undefined where it fetches none. */
  readonly jwks?: JwksState;
  /** Addresses of the gateways of networks that are given by host name. */
  readonly gatewayAddresses?: ReadonlyMap<string, readonly string[]>;
}

/** Where configuration comes from: a watched folder, or Kubernetes. */
export interface Source {
  /**
   * Resolves when the first complete set has been delivered; later sets follow as changes come, already debounced.
   * `debouncedMs`: how long the first of the changes waited for others, where the source knows.
   */
  start(onChange: (set: ConfigSet, debouncedMs?: number) => void): Promise<void>;
  stop(): Promise<void>;
}
