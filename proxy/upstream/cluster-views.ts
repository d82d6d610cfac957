import type { ClusterResources } from './cluster.js';
import type { ClusterManager } from './cluster-manager.js';
import type { HealthCheckStats } from './health/health-checks.js';
import type { UpstreamHost } from './host.js';
import { type HostTally, healthFlags } from './host-tally.js';
import type { OutlierStats } from './outlier-detector.js';
import type { TrafficStats } from './traffic-stats.js';

/** What the admin endpoints show of a cluster. */
export interface ClusterSummary {
  readonly name: string;
  readonly addedViaApi: boolean;
  readonly traffic: TrafficStats;
  readonly defaultResources: ClusterResources;
  readonly highResources: ClusterResources;
  readonly tally: HostTally;
  /** Made when they are read, since few ask for them and clusters are many. */
  readonly hosts: readonly HostSummary[];
  /** Undefined without outlier detection. */
  readonly outliers: OutlierStats | undefined;
  /** Undefined without active health checks. */
  readonly healthChecks: HealthCheckStats | undefined;
}

export interface HostSummary {
  readonly host: UpstreamHost;
  /** Envoy's flags such as `/failed_outlier_check`; empty is healthy. */
  readonly healthFlags: readonly string[];
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

/** The present state of all clusters, the warming ones included. */
export function clusterSummaries(manager: ClusterManager): ClusterSummary[] {
  return manager.list().map(({ cluster, fixed }) => ({
    name: cluster.name,
    addedViaApi: !fixed,
    traffic: cluster.trafficSoFar,
    defaultResources: cluster.resources('default'),
    highResources: cluster.resources('high'),
    tally: cluster.tally,
    get hosts() {
      return cluster.hosts.map(hostSummary);
    },
    outliers: cluster.config.outlier === undefined ? undefined : cluster.detector.stats,
    healthChecks: cluster.healthChecks?.stats,
  }));
}

function hostSummary(host: UpstreamHost): HostSummary {
  const [region = '', zone = '', subZone = ''] = host.locality.split('/');
  return { host, healthFlags: healthFlags(host), region, zone, subZone };
}
