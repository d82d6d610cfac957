/** Cluster names as Istio writes them: `outbound|9080|v1|reviews.default.svc.cluster.local`, `inbound|9080||`. */
export interface ClusterKey {
  readonly direction: 'outbound' | 'inbound';
  /** Service port (outbound) or workload port (inbound). */
  readonly port: number;
  /** Subset of the DestinationRule; empty when the cluster is the whole service. */
  readonly subset: string;
  /** Fully qualified host; empty for inbound. */
  readonly host: string;
}

export function formatClusterName(key: ClusterKey): string {
  return `${key.direction}|${key.port}|${key.subset}|${key.host}`;
}

export function parseClusterName(name: string): ClusterKey | undefined {
  const [direction, port, subset, host, ...rest] = name.split('|');
  if ((direction !== 'outbound' && direction !== 'inbound') || rest.length > 0) return undefined;
  if (port === undefined || subset === undefined || host === undefined || !/^\d+$/.test(port)) return undefined;
  return { direction, port: Number(port), subset, host };
}

/** ALPN protocol by which mesh clients mark their TLS; offered first. */
export const MESH_ALPN = 'istio';
/** In its place, the mark of a connection that carries no HTTP, where the port's protocol is not declared. */
export const MESH_TCP_ALPN = 'weft-tcp';
/** Names of the SDS secrets: the workload's own certificate, and the roots that it trusts. */
export const SECRET_DEFAULT = 'default';
export const SECRET_ROOT = 'ROOTCA';
/** A sidecar asks for this name, which nobody has, to say whose certificate it has: SHA-256 of the issuer's, hex. */
export const ISSUER_PREFIX = 'issuer/';
/** A name in the control plane's certificate, whatever its address: SNI carries no IP address (RFC 6066 section 3). */
export const CONTROL_PLANE_NAME = 'istiod.istio-system.svc';
/** Static cluster of a bootstrap whose endpoints are the other workloads of the proxy's own kind; zone-aware routing goes by them. */
export const LOCAL_CLUSTER = 'local_cluster';
/** Cluster name by which Istio's configuration refers to the local SDS server; our sidecar answers it itself. */
export const SDS_CLUSTER = 'sds-grpc';
/** The cluster without hosts: what leads there is closed. Istio's name. */
export const BLACK_HOLE_CLUSTER = 'BlackHoleCluster';
