import type { OutlierConfig } from './cluster-config.js';
import type { UpstreamHost } from './host.js';
import type { HostMonitor, Volume } from './host-monitor.js';

export type VolumeOf = (monitor: HostMonitor) => Volume;
export type Monitors = ReadonlyMap<UpstreamHost, HostMonitor>;

interface Candidate {
  readonly entry: readonly [UpstreamHost, HostMonitor];
  /** Percent. */
  readonly successRate: number;
}

/** Hosts whose success rate lies below the mean by more than the configured number of standard deviations. */
export function successRateOutliers(
  monitors: Monitors,
  volumeOf: VolumeOf,
  config: OutlierConfig,
): (readonly [UpstreamHost, HostMonitor])[] {
  const candidates = candidatesOf(monitors, volumeOf, config.successRateRequestVolume);
  if (candidates.length === 0 || candidates.length < config.successRateMinimumHosts) return [];
  const mean = candidates.reduce((sum, one) => sum + one.successRate, 0) / candidates.length;
  const variance = candidates.reduce((sum, one) => sum + (one.successRate - mean) ** 2, 0) / candidates.length;
  const threshold = mean - config.successRateStdevFactor * Math.sqrt(variance);
  return candidates.filter((one) => one.successRate < threshold).map((one) => one.entry);
}

/** Hosts that fail at least the configured share of their requests. */
export function failurePercentageOutliers(
  monitors: Monitors,
  volumeOf: VolumeOf,
  config: OutlierConfig,
): (readonly [UpstreamHost, HostMonitor])[] {
  const candidates = candidatesOf(monitors, volumeOf, config.failurePercentageRequestVolume);
  if (candidates.length === 0 || candidates.length < config.failurePercentageMinimumHosts) return [];
  return candidates.filter((one) => 100 - one.successRate >= config.failurePercentageThreshold).map((one) => one.entry);
}

function candidatesOf(monitors: Monitors, volumeOf: VolumeOf, minimum: number): Candidate[] {
  const candidates: Candidate[] = [];
  for (const entry of monitors) {
    const volume = volumeOf(entry[1]);
    if (entry[0].ejected || volume.total === 0 || volume.total < minimum) continue;
    candidates.push({ entry, successRate: (100 * volume.success) / volume.total });
  }
  return candidates;
}
