/**
 * What `GET /api/graph` answers: who talks to whom, in one window of time. Every node is told; edges are those with traffic,
 * and TCP edges with open connections. Ids are stable from one answer to the next.
 */
export interface Graph {
  /** End of the window, ms since the epoch. */
  readonly time: number;
  /** Length of the window, ms: what rates are over. */
  readonly windowMs: number;
  /** How far back one may ask, ms since the epoch. */
  readonly oldest: number;
  /** Who counted: sidecars that report to the control plane, or a Prometheus that scrapes them. */
  readonly source: 'samples' | 'prometheus';
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** Services that more than one workload answers for, and what each of them got. */
  readonly splits: readonly ServiceSplit[];
  /** What is missing in this answer, for people: replicas that did not answer, edges beyond the limit. */
  readonly notes: readonly string[];
}

export type GraphNode = WorkloadNode | ServiceNode | OutsideNode;

/** A Deployment, StatefulSet …, or a WorkloadEntry; its pods are one node. */
export interface WorkloadNode {
  readonly kind: 'workload';
  /** `workload/NAMESPACE/NAME`. */
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  /** Istio's canonical name and revision: what belongs together, and which of it this is. */
  readonly app: string;
  readonly version: string;
  /** Ids of the services that it serves. */
  readonly services: readonly string[];
  /** It has a sidecar, is a gateway, or speaks xDS itself. */
  readonly meshed: boolean;
  readonly gateway: boolean;
  /** How many of it there are, and how many of their proxies are connected to the control plane. */
  readonly instances: number;
  readonly connected: number;
  /** How many of its proxies report what they count. Fewer than `connected`: Envoys, or sidecars of an older release. */
  readonly observed: number;
  /** Releases of its proxies; several during an upgrade. */
  readonly proxyVersions: readonly string[];
  /** The worst of its proxies: a refused configuration, then one that is not acknowledged yet; `none` without a proxy. */
  readonly sync: 'synced' | 'stale' | 'nacked' | 'none';
  /** All that it answered in the window. */
  readonly inbound: Golden;
  /**
   * Connections to it that are open now, of any protocol, as its proxies tell. Absent where none does, and in windows that ended
   * before now.
   */
  readonly connections?: number;
}

/** A host that clients call. */
export interface ServiceNode {
  readonly kind: 'service';
  /** `service/HOST`. */
  readonly id: string;
  readonly host: string;
  readonly name: string;
  /** Empty for one that nobody declared. */
  readonly namespace: string;
  /** Outside of the mesh: a ServiceEntry's with MESH_EXTERNAL, or a host that nobody declared. */
  readonly external: boolean;
  /** Ids of the workloads behind it. */
  readonly workloads: readonly string[];
  readonly inbound: Golden;
}

/** Clients that nobody knows: no sidecar, or no identity on plaintext. */
export interface OutsideNode {
  readonly kind: 'outside';
  readonly id: 'outside';
}

/** Requests from one workload to another by the name of one service, in one protocol. */
export interface GraphEdge {
  /** `SOURCE>DESTINATION>HOST>PROTOCOL`. */
  readonly id: string;
  /** Id of a node. */
  readonly source: string;
  /** Id of a workload; of a service where no workload is known: nobody was reached, or it is outside of the mesh. */
  readonly destination: string;
  /** Id of the service by whose name it was called; empty when there was none. */
  readonly service: string;
  readonly protocol: EdgeProtocol;
  /** Whose numbers these are. The client's sidecar knows most; `destination` where the client has none that reports. */
  readonly reporter: 'source' | 'destination';
  readonly golden: Golden;
  readonly security: EdgeSecurity;
  readonly responses: readonly ResponseRate[];
  /** Share of the source's requests to this service that went here, 0 to 1. */
  readonly share: number;
  /** Hosts that the source's sidecar has taken out for their answers, and of how many; both 0 while all are well. */
  readonly hosts: number;
  readonly ejected: number;
  /** Shares of the requests, 0 to 1: more than a circuit breaker lets through (UO), faults that were asked for (FI, DI), */
  readonly overflowed: number;
  readonly faultInjected: number;
  /** refused by an AuthorizationPolicy, */
  readonly denied: number;
  /** and answered by the mesh itself for too many requests (RL, RLSE). */
  readonly rateLimited: number;
}

export type EdgeProtocol = 'http' | 'grpc' | 'tcp';

/** How a hop is protected. `mixed`: some of it is not, as while mTLS is being switched on. */
export interface EdgeSecurity {
  readonly kind: 'mtls' | 'plaintext' | 'mixed' | 'unknown';
  /** `spiffe://…` of both ends; empty where nobody proved one. */
  readonly sourceIdentity: string;
  readonly destinationIdentity: string;
}

/** The golden signals. All of it over the window of the answer that it is in. */
export interface Golden {
  /** How many in the window. */
  readonly requests: number;
  readonly errors: number;
  readonly requestsPerSecond: number;
  /** 5xx, no answer at all, and gRPC's statuses that are the server's fault; 0 to 1, 0 without requests. */
  readonly errorShare: number;
  /** Of requests, or for how long connections lived; absent without any. */
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
  /** Bodies of requests and what clients sent on TCP connections; bodies of responses and what servers sent. */
  readonly receivedBytesPerSecond: number;
  readonly sentBytesPerSecond: number;
  /** TCP only. */
  readonly connectionsOpened: number;
  readonly connectionsClosed: number;
  /** Open at the end of the window; TCP only, and only known from samples. */
  readonly connectionsOpen: number;
}

export interface ResponseRate {
  /** 0 when there was none: the client went away, or the protocol is tcp. */
  readonly code: number;
  /** Envoy's response flags, joined by commas; `-` is none. */
  readonly flags: string;
  /** Absent for anything but gRPC. */
  readonly grpcStatus?: number;
  readonly count: number;
  readonly perSecond: number;
}

export interface ServiceSplit {
  /** Id of the service. */
  readonly service: string;
  /** In the order of versions. */
  readonly parts: readonly SplitPart[];
}

export interface SplitPart {
  /** Id of the workload. */
  readonly workload: string;
  readonly version: string;
  readonly requestsPerSecond: number;
  /** 0 to 1. */
  readonly share: number;
}
