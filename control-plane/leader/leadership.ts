import { randomUUID } from 'node:crypto';
import type { Clock, Random } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import type { KubernetesApi } from '../kubernetes/api.js';
import { Election } from './election.js';
import { ClusterLease } from './lease.js';
import { type LeaderTask, runTask } from './tasks.js';

export const LEASE_NAME = 'weft-leader';

export interface LeadershipOptions {
  readonly api: KubernetesApi;
  /** Of the control plane. */
  readonly namespace: string;
  readonly podName: string;
  /** Called at the beginning of each leadership, which lasts until `signal` aborts. */
  readonly onLead: (signal: AbortSignal) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Whether this replica leads, and what it does for as long as it does. */
export class Leadership {
  private readonly tasks: LeaderTask[] = [];
  private readonly election: Election;
  private current: AbortSignal | undefined;

  constructor(private readonly options: LeadershipOptions) {
    const { api, namespace, podName, clock, random, log } = options;
    this.election = new Election({
      store: new ClusterLease(api, namespace, LEASE_NAME),
      identity: `${podName}_${randomUUID()}`,
      lead: (signal) => this.lead(signal),
      clock,
      random,
      log,
    });
  }

  get held(): boolean {
    return this.current !== undefined && !this.current.aborted;
  }

  /** From now on, also in the present leadership. */
  add(task: LeaderTask): void {
    this.tasks.push(task);
    if (this.current !== undefined && !this.current.aborted) void runTask(task, this.current, this.options);
  }

  start(): void {
    this.election.start();
  }

  /** Gives the lease back. Never rejects. */
  async stop(): Promise<void> {
    try {
      await this.election.stop();
    } catch (error) {
      this.options.log.warn({ reason: messageOf(error) }, 'could not resign');
    }
  }

  private lead(signal: AbortSignal): void {
    this.current = signal;
    this.options.onLead(signal);
    for (const task of this.tasks) void runTask(task, signal, this.options);
  }
}
