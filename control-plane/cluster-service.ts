import { Backoff } from '../common/runtime/backoff.js';
import type { Clock, Random } from '../common/runtime/clock.js';
import { WeftError } from '../common/runtime/errors.js';
import type { Logger } from '../common/runtime/log.js';
import { pause } from '../common/runtime/pause.js';
import type { Issuer } from './ca/issuer.js';
import type { ControlPlaneMetrics } from './debug/metrics.js';
import type { KubernetesApi } from './kubernetes/api.js';
import type { KubernetesConfig } from './kubernetes-config.js';
import type { LeaderTask } from './leader/tasks.js';
import type { Mesh } from './mesh.js';

/** What a part that is wired in from outside (the webhooks) gets. */
export interface ClusterContext {
  readonly config: KubernetesConfig;
  readonly api: KubernetesApi;
  readonly issuer: Issuer;
  readonly mesh: Mesh;
  readonly metrics: ControlPlaneMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A part that is there once certificates and configuration are. */
export interface ClusterService {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** What it does only where it leads. */
  readonly leaderTask?: LeaderTask;
}

/** Starts it, or returns when `signal` aborts. What needs the API server waits for it; anything else is a fault, and rejects. */
export async function untilStarted(
  service: ClusterService,
  { clock, random, log }: Pick<ClusterContext, 'clock' | 'random' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  const backoff = new Backoff({ baseMs: 500, maxMs: 10_000, random });
  while (!signal.aborted) {
    try {
      return await service.start();
    } catch (error) {
      if (!(error instanceof WeftError) || !error.retryable) throw error;
      log.warn({ part: service.name, reason: error.message }, 'could not start yet');
      await pause(clock, backoff.next(), signal);
    }
  }
}
