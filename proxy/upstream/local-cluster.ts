import type { UpstreamHost } from './host.js';

/**
 * Who we are among the workloads of our kind: where we are, and how many of the others are where. Zone-aware routing goes by it.
 * The bootstrap names the cluster (`cluster_manager.local_cluster_name`); its hosts come like those of any other.
 */
export class LocalCluster {
  /** Healthy hosts by locality (`region/zone/sub_zone`); a locality without one stays out of the count, but in here. */
  zones: ReadonlyMap<string, number> = new Map();
  healthy = 0;
  healthyPercent = 0;

  /** `region/zone/sub_zone`. */
  locality: string;

  /** Without a locality of its own, that of the endpoint with the proxy's own address counts. */
  constructor(
    readonly name: string,
    private readonly ownLocality: string,
    private readonly ownAddress: string,
  ) {
    this.locality = ownLocality;
  }

  update(hosts: readonly UpstreamHost[]): void {
    const zones = new Map<string, number>();
    this.healthy = 0;
    for (const { locality, availability } of hosts) {
      const well = availability === 'healthy' ? 1 : 0;
      zones.set(locality, (zones.get(locality) ?? 0) + well);
      this.healthy += well;
    }
    this.zones = zones;
    if (/^\/*$/.test(this.ownLocality)) {
      this.locality = hosts.find(({ ip }) => ip === this.ownAddress)?.locality ?? this.ownLocality;
    }
    this.healthyPercent = hosts.length === 0 ? 0 : (100 * this.healthy) / hosts.length;
  }
}
