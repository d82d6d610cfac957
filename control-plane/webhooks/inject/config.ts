import type { V1LabelSelector, V1LocalObjectReference, V1ResourceRequirements } from '@kubernetes/client-node';

/** Mesh-wide values of injection; annotations of a pod win over those that have one. */
export interface InjectionConfig {
  /** Image of the sidecar and of the init container. */
  readonly image: string;
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  readonly imagePullSecrets: readonly V1LocalObjectReference[];
  /** Where the control plane runs; its pods are never injected. */
  readonly rootNamespace: string;
  /** `host:port` of xDS and CA. */
  readonly discoveryAddress: string;
  readonly revision: string;
  readonly clusterId: string;
  readonly network: string;
  readonly meshId: string;
  readonly trustDomain: string;
  readonly tokenAudience: string;
  readonly proxyUid: number;
  readonly statusPort: number;
  readonly logLevel: string;
  readonly resources: V1ResourceRequirements;
  readonly capture: CaptureConfig;
  readonly readiness: {
    readonly initialDelaySeconds: number;
    readonly periodSeconds: number;
    readonly failureThreshold: number;
  };
  /** MeshConfig's `defaultConfig`, as written there. */
  readonly proxyConfig: Readonly<Record<string, unknown>>;
  readonly enablePrometheusMerge: boolean;
  readonly rewriteAppProbes: boolean;
  /** Whether the nodes run init containers with `restartPolicy: Always` (Kubernetes 1.29). */
  readonly nativeSidecars: boolean;
  readonly policy: InjectionPolicy;
}

/** What is captured where a pod's annotations do not say, in the words of the init container's flags. */
export interface CaptureConfig {
  readonly includeIPRanges: string;
  readonly excludeIPRanges: string;
  readonly includeInboundPorts: string;
  readonly excludeInboundPorts: string;
  readonly includeOutboundPorts: string;
  readonly excludeOutboundPorts: string;
}

/** Which pods get a sidecar where neither they nor their namespace say. */
export interface InjectionPolicy {
  readonly revision: string;
  readonly rootNamespace: string;
  /** Namespaces without a label count as labelled. */
  readonly enableNamespacesByDefault: boolean;
  /** Whether a pod that a webhook saw is injected without saying so itself. */
  readonly enabled: boolean;
  readonly neverInject: readonly V1LabelSelector[];
  readonly alwaysInject: readonly V1LabelSelector[];
}

export const SIDECAR = 'istio-proxy';
export const INIT = 'istio-init';

/** The first Kubernetes minor version whose kubelets run native sidecars without being asked to. */
const NATIVE_SINCE_MINOR = 29;

/** Whether a cluster of this version (`minor` may read `29+`) runs native sidecars. */
export function hasNativeSidecars(version: { readonly major: string; readonly minor: string }): boolean {
  const major = Number.parseInt(version.major, 10);
  return major > 1 || (major === 1 && Number.parseInt(version.minor, 10) >= NATIVE_SINCE_MINOR);
}

export interface InjectionOptions {
  readonly image: string;
  readonly rootNamespace?: string;
  readonly trustDomain?: string;
  readonly revision?: string;
}

/** Istio's defaults. */
export function defaultInjectionConfig(options: InjectionOptions): InjectionConfig {
  const { image, rootNamespace = 'istio-system', trustDomain = 'cluster.local', revision = 'default' } = options;
  return {
    image,
    imagePullSecrets: [],
    rootNamespace,
    discoveryAddress: `weft-control-plane.${rootNamespace}.svc:15012`,
    revision,
    clusterId: 'Kubernetes',
    network: '',
    meshId: trustDomain,
    trustDomain,
    tokenAudience: 'istio-ca',
    proxyUid: 1337,
    statusPort: 15_020,
    logLevel: 'warning',
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2', memory: '1Gi' } },
    capture: {
      includeIPRanges: '*',
      excludeIPRanges: '',
      includeInboundPorts: '*',
      excludeInboundPorts: '',
      includeOutboundPorts: '',
      excludeOutboundPorts: '',
    },
    readiness: { initialDelaySeconds: 0, periodSeconds: 15, failureThreshold: 4 },
    proxyConfig: {},
    enablePrometheusMerge: true,
    rewriteAppProbes: true,
    nativeSidecars: true,
    policy: {
      revision,
      rootNamespace,
      enableNamespacesByDefault: false,
      enabled: true,
      neverInject: [],
      alwaysInject: [],
    },
  };
}
