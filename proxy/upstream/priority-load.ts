export interface PriorityCounts {
  readonly healthy: number;
  readonly degraded: number;
  readonly total: number;
}

export interface PriorityLoads {
  /** Percent of the requests for the healthy hosts of each priority; with `degraded` the sum is 100. */
  readonly healthy: readonly number[];
  readonly degraded: readonly number[];
  /** Whether a priority disregards health. */
  readonly panic: readonly boolean[];
}

/**
 * How load spreads over priorities. A priority takes all load until less than 100 / overprovisioning of it is healthy;
 * what is missing goes to the next ones. A priority below the panic threshold uses all of its hosts, but only while all
 * priorities together cannot take the load (Envoy's architecture overview, "Priority levels" and "Panic threshold").
 */
export function priorityLoads(
  counts: readonly PriorityCounts[],
  overprovisioning: number,
  panicThreshold: number,
): PriorityLoads {
  const health = counts.map((level) => availability(level.healthy, level.total, overprovisioning));
  const degraded = counts.map((level) => availability(level.degraded, level.total, overprovisioning));
  const available = Math.min(100, sum(health) + sum(degraded));
  const panic = counts.map((level) => available !== 100 && panics(level, panicThreshold));
  if (counts.length > 0 && panic.every((value) => value)) {
    return { healthy: byHosts(counts), degraded: counts.map(() => 0), panic };
  }
  if (available === 0)
    return { healthy: counts.map((_, p) => (p === 0 ? 100 : 0)), degraded: counts.map(() => 0), panic };
  return { ...distribute(health, degraded, available), panic };
}

function availability(usable: number, total: number, overprovisioning: number): number {
  return total === 0 ? 0 : Math.min(100, Math.floor((overprovisioning * usable) / total));
}

function panics(level: PriorityCounts, threshold: number): boolean {
  if (threshold === 0) return false;
  const percent = level.total === 0 ? 0 : (100 * (level.healthy + level.degraded)) / level.total;
  return percent < threshold;
}

/** When everything panics, each priority gets load by the number of its hosts. */
function byHosts(counts: readonly PriorityCounts[]): number[] {
  const total = sum(counts.map((level) => level.total));
  if (total === 0) return counts.map((_, p) => (p === 0 ? 100 : 0));
  const loads = counts.map((level) => Math.floor((100 * level.total) / total));
  giveRest(loads, 100 - sum(loads));
  return loads;
}

function distribute(
  health: readonly number[],
  degraded: readonly number[],
  available: number,
): { readonly healthy: number[]; readonly degraded: number[] } {
  let left = 100;
  const take = (value: number): number => {
    const load = Math.min(left, Math.floor((value * 100) / available));
    left -= load;
    return load;
  };
  const healthyLoads = health.map(take);
  const degradedLoads = degraded.map(take);
  giveRest(healthyLoads.some((load) => load > 0) ? healthyLoads : degradedLoads, left);
  return { healthy: healthyLoads, degraded: degradedLoads };
}

/** Rounding leaves a little; the first priority that has load takes it. */
function giveRest(loads: number[], rest: number): void {
  const first = loads.findIndex((load) => load > 0);
  const current = loads[first];
  if (current !== undefined) loads[first] = current + rest;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
