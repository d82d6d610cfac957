import type { Host, LoadBalancerContext } from '../../upstream/cluster.js';
import type { RetryPolicy } from '../route.js';
import type { ForwardPlan } from './forward-plan.js';

const NO_HOSTS: readonly Host[] = [];

/** Which hosts and priorities a request has been sent to, as far as its retry policy wants others. */
export class TriedHosts {
  private readonly policy: RetryPolicy | undefined;
  private hosts: Host[] | undefined = undefined;
  private priorities: Set<number> | undefined = undefined;
  /** Attempts so far at priorities that are not left yet. */
  private recent: number[] | undefined = undefined;

  constructor(private readonly plan: ForwardPlan) {
    this.policy = plan.retry?.policy;
  }

  add(host: Host): void {
    const { policy } = this;
    if (policy === undefined) return;
    if (policy.skipPreviousHosts) {
      this.hosts ??= [];
      this.hosts.push(host);
    }
    if ((policy.attemptsAPriority ?? 0) > 0) this.leavePriorities(host, policy.attemptsAPriority ?? 0);
  }

  /** For the choice of the next host. */
  context(): LoadBalancerContext {
    const { plan, policy } = this;
    return {
      hash: plan.hash,
      avoid: this.hosts ?? NO_HOSTS,
      avoidAttempts: policy?.hostSelectionAttempts ?? 0,
      avoidPriorities: this.priorities,
      destination: plan.destination,
    };
  }

  private leavePriorities(host: Host, frequency: number): void {
    this.recent ??= [];
    this.recent.push(host.priority);
    if (this.recent.length % frequency !== 0) return;
    this.priorities ??= new Set();
    for (const priority of this.recent) this.priorities.add(priority);
    this.recent.length = 0;
  }
}
