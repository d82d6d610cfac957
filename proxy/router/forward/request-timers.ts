import type { PoolDeps } from '../../upstream/http-pool.js';
import { Deadline } from './deadline.js';
import type { TimeoutKind } from './failure.js';
import type { Timeouts } from './timeouts.js';

export interface TimeoutOwner {
  onTimeout(kind: TimeoutKind): void;
  /** Only the current try is over. */
  onTryTimeout(kind: TimeoutKind): void;
}

/** The timeouts of one request; each is made when it is first needed. */
export class RequestTimers {
  private global: Deadline | undefined = undefined;
  private perTry: Deadline | undefined = undefined;
  private perTryIdle: Deadline | undefined = undefined;
  private responding = false;
  private stopped = false;

  constructor(
    private readonly limits: Timeouts,
    private readonly deps: PoolDeps,
    private readonly owner: TimeoutOwner,
  ) {}

  /** The request is complete: from now on its answer is due. */
  startGlobal(): void {
    if (this.limits.global <= 0 || this.stopped) return;
    this.global = this.deadline(() => this.owner.onTimeout('response_timeout'));
    this.global.start(this.limits.global);
  }

  /** The request is complete and this try has a connection. */
  startTry(): void {
    if (this.limits.perTry <= 0 || this.responding || this.stopped) return;
    this.perTry ??= this.deadline(() => this.owner.onTryTimeout('upstream_per_try_timeout'));
    this.perTry.start(this.limits.perTry);
  }

  startTryIdle(): void {
    if (this.limits.perTryIdle <= 0 || this.stopped) return;
    this.perTryIdle ??= this.deadline(() => this.owner.onTryTimeout('upstream_per_try_idle_timeout'));
    this.perTryIdle.start(this.limits.perTryIdle);
  }

  /** Something moved. */
  touch(): void {
    if (this.perTryIdle !== undefined && !this.stopped) this.perTryIdle.start(this.limits.perTryIdle);
  }

  /** The head of a response is there. */
  onResponse(): void {
    this.perTry?.cancel();
  }

  /** No further try takes place: the time for one does not count any more. */
  onAccepted(): void {
    this.responding = true;
  }

  stopTry(): void {
    this.perTry?.cancel();
    this.perTryIdle?.cancel();
  }

  stop(): void {
    this.stopped = true;
    this.global?.cancel();
    this.stopTry();
  }

  private deadline(expire: () => void): Deadline {
    return new Deadline(this.deps.clock, this.deps.timers, expire);
  }
}
