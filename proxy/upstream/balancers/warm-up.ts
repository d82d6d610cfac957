import type { WeightedHost } from './balancer.js';

/** Cluster.SlowStartConfig: how a host that has just joined gets to its full share. */
export interface SlowStart {
  readonly windowMs: number;
  /** 1 is a linear rise; above it, it is steep at first. */
  readonly aggression: number;
  /** In [0, 1]. */
  readonly minimum: number;
}

/** What remains of a weight while its host warms up. */
export class WarmUp {
  constructor(
    private readonly config: SlowStart,
    /** Monotonic ms. */
    private readonly now: () => number,
  ) {}

  /** Whether any of these hosts has joined so lately that weights change while time passes. */
  applies(hosts: readonly WeightedHost[]): boolean {
    const since = this.now() - this.config.windowMs;
    return hosts.some(({ host }) => host.readySince >= since);
  }

  weight({ host, weight }: WeightedHost): number {
    const { windowMs, aggression, minimum } = this.config;
    const age = this.now() - host.readySince;
    if (age >= windowMs || host.availability !== 'healthy') return weight;
    const part = Math.max(1, age) / windowMs;
    return weight * Math.max(aggression === 1 ? part : part ** (1 / aggression), minimum);
  }
}

/** The weight that a schedule goes by. */
export function weightOf(entry: WeightedHost, warmUp: WarmUp | undefined): number {
  return warmUp === undefined ? entry.weight : warmUp.weight(entry);
}
