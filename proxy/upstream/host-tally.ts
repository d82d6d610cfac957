import type { UpstreamHost } from './host.js';

/** How many hosts a cluster has, and how many of them are of use. */
export interface HostTally {
  readonly hosts: number;
  /** Without any of Envoy's health flags, so not those that are degraded either. */
  readonly sound: number;
  /** May get requests: sound or degraded. */
  readonly healthy: number;
  readonly ejected: number;
}

export function tallyOf(hosts: readonly UpstreamHost[]): HostTally {
  let [sound, healthy, ejected] = [0, 0, 0];
  for (const host of hosts) {
    if (healthFlags(host).length === 0) sound++;
    if (host.availability !== 'unhealthy') healthy++;
    if (host.ejected) ejected++;
  }
  return { hosts: hosts.length, sound, healthy, ejected };
}

/** Envoy's flags such as `/failed_outlier_check`; none is healthy. */
export function healthFlags(host: UpstreamHost): string[] {
  const flags: string[] = [];
  if (host.failedActiveCheck) flags.push('/failed_active_hc');
  if (host.ejected) flags.push('/failed_outlier_check');
  if (host.health === 'unhealthy') flags.push('/failed_eds_health');
  if (host.health === 'degraded') flags.push('/degraded_eds_health');
  return flags;
}
