import type { Registry } from 'prom-client';
import type { EdgeReport } from '../../common/runtime/edge-report.js';
import type { ResourceTypeUrl } from '../../common/xds/type-urls.js';
import type { PlaintextSource } from '../listeners/plaintext-connections.js';
import type { RequestWatch } from '../observe/request-watch.js';
import type { RouteTable } from '../router/route.js';
import type { StatGroup } from '../telemetry/envoy-stats.js';
import type { ClusterResources, Host } from '../upstream/cluster.js';
import type { HealthCheckStats } from '../upstream/health/health-checks.js';
import type { HostTally } from '../upstream/host-tally.js';
import type { OutlierStats } from '../upstream/outlier-detector.js';
import type { TrafficStats } from '../upstream/traffic-stats.js';

/** What the admin server shows and does: getters, so that it always tells the present state. */
export interface AdminSources {
  readonly state: () => ServerState;
  /** Why the workload cannot prove who it is any more; empty while it can. */
  readonly identityFault?: () => string;
  /** Wall clock at start, ms since the epoch. */
  readonly startTime: number;
  readonly version: string;
  /** envoy.config.core.v3.Node as sent to the xDS server. */
  readonly node: () => object;
  /** envoy.config.bootstrap.v3.Bootstrap. */
  readonly bootstrap: () => object | undefined;
  /** Shown as `command_line_options`. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  readonly resources: () => Iterable<ResourceView>;
  readonly clusters: () => Iterable<ClusterView>;
  readonly listeners: () => Iterable<{ readonly name: string; readonly host: string; readonly port: number }>;
  readonly certificates: () => Iterable<CertificateView>;
  /** Metrics of the standard exposition (Istio's). */
  readonly registry: Registry;
  /** Further statistics in Envoy's naming; those of clusters and server are made from the other getters. */
  readonly stats: () => Iterable<StatGroup>;
  /** The routes in force by their table's name. */
  readonly routes?: (name: string) => RouteTable | undefined;
  readonly edges: () => EdgeReport;
  /** Who came without the mesh's TLS since the start. */
  readonly plaintext?: () => readonly PlaintextSource[];
  /** The last failed requests, and live ones. */
  readonly requests: RequestWatch;
  /** Whether live requests may be looked at. */
  readonly tapAllowed: boolean;
  readonly logLevel: { get(): string; set(level: string): void };
  /** `inboundOnly` leaves outbound listeners alone; `graceful` goes on accepting and asks clients to go. */
  readonly drain: (how: { readonly inboundOnly: boolean; readonly graceful: boolean }) => void;
  /** Ends the process after a drain. */
  readonly quit: () => void;
  readonly reopenLogs: () => void;
}

export type ServerState = 'LIVE' | 'DRAINING' | 'PRE_INITIALIZING' | 'INITIALIZING';

/** A resource as it is in force, with the error of a later version that was refused. */
export interface ResourceView {
  readonly typeUrl: ResourceTypeUrl;
  readonly name: string;
  /** From the bootstrap instead of an xDS server. */
  readonly static: boolean;
  readonly version: string;
  /** ms since the epoch. */
  readonly lastUpdated: number;
  /** undefined when no version was ever accepted. */
  readonly message: object | undefined;
  readonly error?: { readonly details: string; readonly version: string; readonly time: number };
}

export interface ClusterView {
  readonly name: string;
  readonly addedViaApi: boolean;
  readonly traffic: TrafficStats;
  readonly defaultResources: ClusterResources;
  readonly highResources: ClusterResources;
  readonly tally: Pick<HostTally, 'hosts' | 'sound'>;
  readonly hosts: Iterable<HostView>;
  /** Set when its hosts are ejected for their answers. */
  readonly outliers?: OutlierStats | undefined;
  /** Set when its hosts are asked for their health. */
  readonly healthChecks?: HealthCheckStats | undefined;
}

export interface HostView {
  readonly host: Host;
  /** Envoy's flags such as `/failed_outlier_check`; empty is healthy. */
  readonly healthFlags: readonly string[];
  readonly region?: string;
  readonly zone?: string;
  readonly subZone?: string;
}

export interface CertificateView {
  readonly path: string;
  readonly roots: readonly CertificateDetails[];
  readonly chain: readonly CertificateDetails[];
}

export interface CertificateDetails {
  readonly serialNumber: string;
  readonly subjectAltNames: readonly { readonly uri?: string; readonly dns?: string }[];
  /** ms since the epoch. */
  readonly validFrom: number;
  readonly expiration: number;
}
