import type { MeshConfigSpec } from './mesh-config.js';
import type { Labels } from './shared.js';

/** Kubernetes Service (v1): the fields that we read. */
export interface ServiceSpec {
  readonly ports?: readonly CoreServicePort[];
  readonly selector?: Labels;
  /** `None` for a headless service. */
  readonly clusterIP?: string;
  /** Both families of a dual-stack service; the first is `clusterIP`. */
  readonly clusterIPs?: readonly string[];
  /** Unset means ClusterIP. */
  readonly type?: string;
  readonly externalName?: string;
}

export interface CoreServicePort {
  readonly name?: string;
  readonly port: number;
  /** A number, or the name of a container's port; unset means `port`. */
  readonly targetPort?: number | string;
  /** TCP, UDP or SCTP; unset means TCP. */
  readonly protocol?: string;
  /** `http`, `kubernetes.io/h2c`, …; goes before the protocol in the port's name. */
  readonly appProtocol?: string;
}

/** Kubernetes Pod (v1): the fields that we read, of its spec and its status. */
export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly containers?: readonly {
    readonly name: string;
    readonly ports?: readonly { readonly name?: string; readonly containerPort: number; readonly protocol?: string }[];
  }[];
  /** From `status`. */
  readonly podIP?: string;
  /** From `status`: every readiness condition is True. */
  readonly ready?: boolean;
}

/** Kubernetes Namespace (v1): only its labels and annotations matter. */
export type NamespaceSpec = Readonly<Record<string, never>>;

/** Kubernetes Secret (v1): those that TLS can use. */
export interface SecretSpec {
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** Kubernetes ConfigMap (v1). */
export interface ConfigMapSpec {
  readonly data: Readonly<Record<string, string>>;
  /** Of ConfigMap `istio` in the root namespace: its key `mesh`, validated. */
  readonly mesh?: MeshConfigSpec;
}
