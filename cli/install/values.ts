/**
 * What an installation can be told: `weft install --set`, `-f values.yaml`, and values.yaml of the Helm chart, which has
 * the same names and defaults.
 */
export interface InstallValues {
  /** Namespace of the control plane; Istio's root namespace, where mesh-wide policies live. */
  readonly namespace: string;
  /** DNS domain of the cluster's services. */
  readonly clusterDomain: string;
  readonly image: {
    /** Registry and path before the image names; `localhost` for images that were loaded into the nodes. */
    readonly hub: string;
    readonly tag: string;
    readonly pullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  };
  readonly controlPlane: {
    readonly replicas: number;
    readonly logLevel: string;
    /** Lifetime of workload certificates, `24h`. */
    readonly certTtl: string;
    /** Where `weft dashboard` and `weft stat` read numbers about traffic; empty: they are sampled from the sidecars, and kept for an hour. */
    readonly prometheus: string;
    readonly resources: Resources;
  };
  readonly caSigner: {
    /** Signer of the Kubernetes CSR API for the certificates of workloads, its roots in Secret `external-ca-cert`; empty: our own CA. */
    readonly name: string;
  };
  readonly proxy: {
    readonly logLevel: string;
    readonly resources: Resources;
  };
  readonly injection: {
    /** Whether pods of namespaces without any label get a sidecar. */
    readonly enableNamespacesByDefault: boolean;
    /** `auto`: native sidecars where the cluster has them (Kubernetes 1.29 and later). */
    readonly nativeSidecars: 'auto' | 'true' | 'false';
  };
  readonly gateways: {
    readonly ingress: Gateway;
    readonly egress: Gateway;
  };
  /** MeshConfig, as it stands in ConfigMap `istio`. */
  readonly meshConfig: Readonly<Record<string, unknown>>;
}

export interface Gateway {
  readonly enabled: boolean;
  readonly replicas: number;
  /** Type of its Service. */
  readonly type: 'LoadBalancer' | 'NodePort' | 'ClusterIP';
  readonly resources: Resources;
}

/** Kubernetes' resource requirements of a container. */
export interface Resources {
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

const GATEWAY_RESOURCES: Resources = { requests: { cpu: '100m', memory: '128Mi' } };

export const DEFAULTS: InstallValues = {
  namespace: 'istio-system',
  clusterDomain: 'cluster.local',
  image: { hub: 'localhost', tag: 'dev', pullPolicy: 'IfNotPresent' },
  controlPlane: {
    replicas: 2,
    logLevel: 'info',
    certTtl: '24h',
    prometheus: '',
    resources: { requests: { cpu: '100m', memory: '256Mi' } },
  },
  caSigner: { name: '' },
  proxy: { logLevel: 'warning', resources: { requests: { cpu: '50m', memory: '96Mi' } } },
  injection: { enableNamespacesByDefault: false, nativeSidecars: 'auto' },
  gateways: {
    ingress: { enabled: true, replicas: 1, type: 'LoadBalancer', resources: GATEWAY_RESOURCES },
    egress: { enabled: false, replicas: 1, type: 'ClusterIP', resources: GATEWAY_RESOURCES },
  },
  meshConfig: {},
};

type Some<T> = { readonly [K in keyof T]?: Some<T[K]> };
export type ValueOverrides = Some<InstallValues>;

/** What a profile changes. `default` is two replicas and an ingress gateway. */
export const PROFILES: Readonly<Record<'minimal' | 'default' | 'demo', ValueOverrides>> = {
  minimal: { controlPlane: { replicas: 1 }, gateways: { ingress: { enabled: false } } },
  default: {},
  demo: {
    controlPlane: { replicas: 1, resources: { requests: { cpu: '10m', memory: '128Mi' } } },
    proxy: { resources: { requests: { cpu: '10m', memory: '64Mi' } } },
    gateways: { ingress: { type: 'NodePort' }, egress: { enabled: true } },
    meshConfig: { accessLogFile: '/dev/stdout' },
  },
};
