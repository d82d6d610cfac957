/** What `GET /api/workloads` answers: every instance, a pod or a WorkloadEntry. */
export interface Workloads {
  readonly workloads: readonly WorkloadState[];
  readonly notes: readonly string[];
}

export interface WorkloadState {
  /** Of the pod or WorkloadEntry. */
  readonly name: string;
  readonly namespace: string;
  /** Id of its node in the graph. */
  readonly node: string;
  /** Its Deployment, StatefulSet …; its own name for anything else. */
  readonly workload: string;
  readonly app: string;
  readonly version: string;
  readonly address: string;
  readonly serviceAccount: string;
  /** Hosts that it serves. */
  readonly services: readonly string[];
  readonly locality: string;
  readonly meshed: boolean;
  /** What its PeerAuthentication lets in. */
  readonly mtlsMode: 'strict' | 'permissive' | 'disable';
  /** Absent while no proxy of it is connected. */
  readonly proxy?: ProxyState;
}

export interface ProxyState {
  /** Its xDS node ID. */
  readonly id: string;
  readonly dataPlane: 'weft' | 'envoy' | 'grpc';
  /** Release; empty where it does not say. */
  readonly version: string;
  /** RFC 3339. */
  readonly connectedAt: string;
  /** By type: CDS, EDS, LDS, RDS. */
  readonly sync: Readonly<Record<string, 'SYNCED' | 'STALE' | 'NOT SENT' | 'NACKED'>>;
  /** The refusals that stand. */
  readonly nacks: readonly {
    readonly type: string;
    readonly resource: string;
    readonly reason: string;
    readonly at: string;
  }[];
  /** Absent for a proxy that reports nothing: a real Envoy, or an older release. */
  readonly observed?: ObservedProxy;
}

export interface ObservedProxy {
  /** ms since the epoch of its last sample. */
  readonly lastSample: number;
  /** End of its certificate, ms since the epoch; absent without one. */
  readonly certificateNotAfter?: number;
  readonly draining: boolean;
  /** Open to it, of any protocol: to a gateway, those of its clients. Absent where the sidecar does not tell. */
  readonly inboundConnections?: number;
  /** Clusters with hosts that get no requests at the moment. */
  readonly troubledClusters: readonly ClusterHealth[];
}

/** How one sidecar sees the hosts of a cluster. */
export interface ClusterHealth {
  /** `outbound|9080|v1|reviews.default.svc.cluster.local`. */
  readonly name: string;
  readonly hosts: number;
  readonly healthy: number;
  /** Taken out for their answers (outlier detection). */
  readonly ejected: number;
}

/** What `GET /api/workloads/NAMESPACE/NAME` answers. */
export interface WorkloadDetails extends WorkloadState {
  /** The certificates that it uses. Empty where the proxy cannot be asked. */
  readonly certificates: readonly CertificateState[];
  /** What its sidecar knows of those that it calls. */
  readonly endpoints: readonly EndpointState[];
  /** Why something of it is missing. */
  readonly notes: readonly string[];
}

export interface CertificateState {
  readonly identity: string;
  readonly serialNumber: string;
  /** ms since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface EndpointState {
  readonly cluster: string;
  /** `ip:port`. */
  readonly address: string;
  readonly healthy: boolean;
  readonly ejected: boolean;
  /** Envoy's flags, such as `failed_outlier_check`; empty is healthy. */
  readonly flags: readonly string[];
  /** `region/zone/subzone`, as far as it is known. */
  readonly locality: string;
  readonly weight: number;
  readonly activeRequests: number;
  readonly totalRequests: number;
  readonly errors: number;
}
