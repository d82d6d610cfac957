import type { MeshConfigSpec } from './mesh-config.js';
import type { MeshNetworksSpec } from './mesh-networks.js';
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
  /** IPv4, IPv6: the first is the one that clients are led to. */
  readonly ipFamilies?: readonly string[];
  readonly publishNotReadyAddresses?: boolean;
  readonly externalIPs?: readonly string[];
  /** Its status: where it is reached from outside. */
  readonly loadBalancer?: readonly { readonly ip?: string; readonly hostname?: string }[];
  /** PreferClose, PreferSameZone or PreferSameNode. */
  readonly trafficDistribution?: string;
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

/** Kubernetes Pod (v1): the fields that we read, of its metadata, its spec and its status. */
export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly containers?: readonly PodContainer[];
  readonly initContainers?: readonly PodContainer[];
  readonly nodeName?: string;
  /** Shares the node's network: its address is the node's. */
  readonly hostNetwork?: boolean;
  /** With `subdomain`, the name of a headless Service, its DNS name below that service. */
  readonly hostname?: string;
  readonly subdomain?: string;
  /** From `status`. */
  readonly podIP?: string;
  /** From `status`: every family of a dual-stack pod; the first is `podIP`. */
  readonly podIPs?: readonly { readonly ip: string }[];
  /** From `status`: Pending, Running, Succeeded, Failed or Unknown. */
  readonly phase?: string;
  /** From `status`: the condition Ready is True; unset where there is no status. */
  readonly ready?: boolean;
  /** From `metadata`: it is being deleted. */
  readonly terminating?: boolean;
  /** From `metadata`: what made it. */
  readonly owner?: { readonly kind: string; readonly name: string };
}

export interface PodContainer {
  readonly name: string;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number; readonly protocol?: string }[];
}

/** Kubernetes EndpointSlice (discovery.k8s.io/v1): where a part of a service is served. */
export interface EndpointSliceSpec {
  readonly addressType: string;
  readonly endpoints?: readonly SliceEndpoint[];
  readonly ports?: readonly SlicePort[];
}

export interface SlicePort {
  /** Name of the service's port; empty for one without a name. */
  readonly name?: string;
  /** Unset means all ports. */
  readonly port?: number;
  readonly protocol?: string;
  readonly appProtocol?: string;
}

export interface SliceEndpoint {
  /** All are one endpoint; the first counts. */
  readonly addresses: readonly string[];
  /** Unset means true, true and false. */
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly zone?: string;
  readonly targetRef?: { readonly kind?: string; readonly namespace?: string; readonly name?: string };
}

/** Kubernetes Node (v1): only its labels matter. */
export type NodeSpec = Readonly<Record<string, never>>;

/** Kubernetes Secret (v1): those that TLS can use. Never to be logged. */
export interface SecretSpec {
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** Kubernetes Namespace (v1): only its labels and annotations matter. */
export type NamespaceSpec = Readonly<Record<string, never>>;

/** Kubernetes ConfigMap (v1). */
export interface ConfigMapSpec {
  readonly data: Readonly<Record<string, string>>;
  /** Of ConfigMap `istio` in the root namespace: its key `mesh`, validated. */
  readonly mesh?: MeshConfigSpec;
  /** The same of its key `meshNetworks`. */
  readonly networks?: MeshNetworksSpec;
}
