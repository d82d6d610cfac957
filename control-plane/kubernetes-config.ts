import { networkInterfaces } from 'node:os';
import type { KeyKind } from '../common/identity/keys.js';
import { ROOT_NAMESPACE } from './api/kinds/index.js';
import { MIN_TTL_SECONDS } from './ca/issuer.js';
import type { RotationConfig } from './ca/root-parts.js';

/** How a control plane runs in a cluster. */
export interface KubernetesConfig {
  /** Namespace of the control plane and root of the mesh's configuration. */
  readonly namespace: string;
  /** The pod's name; where there is none, the host's. */
  readonly podName: string;
  /** Release of the control plane. */
  readonly version?: string;
  /** DNS domain of the cluster's services. */
  readonly clusterDomain: string;
  /** Address to listen on. */
  readonly host: string;
  /** xDS and CA over TLS. */
  readonly xdsPort: number;
  /** xDS without TLS and token, on loopback; undefined is off. */
  readonly plaintextXdsPort?: number;
  /** Large xDS messages are compressed for clients that announce gRPC's `deflate`; so unless told otherwise. */
  readonly compressXds?: boolean;
  /** Metrics, readiness and debug. */
  readonly debugPort: number;
  readonly webhookPort: number;
  /** Base URL of a Prometheus that numbers about traffic are read from, instead of the sidecars' samples. */
  readonly prometheus?: string;
  /** Lifetime of workload certificates that do not ask for another. */
  readonly certTtlSeconds: number;
  /** The longest lifetime that a workload may ask for. */
  readonly maxCertTtlSeconds: number;
  /** After SIGTERM: how long proxies are still served while the cluster learns that this replica goes, ms. */
  readonly shutdownDelayMs: number;
  /** Of a root that is made here: P-256, ten years. */
  readonly root?: { readonly keyKind?: KeyKind; readonly lifeMs?: number };
  readonly rotation?: RotationConfig;
  /** Somebody else signs the certificates of workloads. */
  readonly caSigner?: SignerConfig;
}

/** A signer of the Kubernetes CSR API. */
export interface SignerConfig {
  readonly signerName: string;
  /** File with the PEM roots of what it signs. */
  readonly rootsPath: string;
}

/** The Service in front of the control plane, and the names by which Istio's sidecars know theirs. */
const SERVICES = ['weft-control-plane', 'istiod', 'istio-pilot'];

export const KUBERNETES_DEFAULTS = {
  namespace: ROOT_NAMESPACE,
  clusterDomain: 'cluster.local',
  xdsPort: 15012,
  debugPort: 15014,
  webhookPort: 15017,
  certTtlSeconds: 86_400,
  maxCertTtlSeconds: 90 * 86_400,
  shutdownDelayMs: 3000,
} as const;

/** Every DNS name by which clients may call the control plane. */
export function serviceNames({ namespace, clusterDomain }: KubernetesConfig): string[] {
  return SERVICES.flatMap((service) => [
    `${service}.${namespace}`,
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.${clusterDomain}`,
  ]);
}

/** `k8s:NAME`, or the name alone. Throws an Error that says what a signer is. */
export function readSigner(text: string): string {
  const name = /^(?:k8s:)?([a-z0-9.-]+\/[a-zA-Z0-9._:-]+)$/.exec(text)?.[1];
  if (name === undefined) throw new Error('a signer is k8s:NAME, such as k8s:clusterissuers.cert-manager.io/mesh');
  // Whoever has a certificate of those is somebody at the API server.
  if (name.startsWith('kubernetes.io/') && name !== 'kubernetes.io/legacy-unknown') {
    throw new Error(`${name} signs identities of the cluster itself, not of workloads`);
  }
  return name;
}

/** All addresses of this machine, of both families where it has both. */
export function anyAddress(): string {
  const addresses = Object.values(networkInterfaces()).flat();
  return addresses.some((address) => address?.family === 'IPv6') ? '::' : '0.0.0.0';
}

/** Throws an Error that names the setting and what it takes. */
export function checkKubernetesConfig(config: KubernetesConfig): KubernetesConfig {
  const { certTtlSeconds, maxCertTtlSeconds, caSigner, rotation } = config;
  if (caSigner !== undefined && rotation?.everySeconds !== undefined) {
    throw new Error('the root of an external signer is not rotated here: leave out --rotate-root-every');
  }
  if (certTtlSeconds < MIN_TTL_SECONDS) throw new Error(`certificates cannot live shorter than ${MIN_TTL_SECONDS} s`);
  if (maxCertTtlSeconds < certTtlSeconds) {
    throw new Error(
      `the longest lifetime of certificates (${maxCertTtlSeconds} s) is below the usual one (${certTtlSeconds} s)`,
    );
  }
  return Object.freeze({ ...config });
}
