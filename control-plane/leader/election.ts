import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import type { Lease, LeaseSpec, LeaseStore } from './lease.js';

/** client-go's defaults, in milliseconds. */
export const LEASE_TIMES = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 };
/** As client-go's JitterFactor: candidates do not all ask at once. */
const JITTER = 1.2;

export interface ElectionOptions {
  readonly store: LeaseStore;
  /** Unique for every process: the pod's name, and something random. */
  readonly identity: string;
  /** Leads until `signal` aborts. Then it must write no more, and nobody waits for it. */
  readonly lead: (signal: AbortSignal) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly times?: typeof LEASE_TIMES;
}

/**
 * Leader election over a Lease, compatible with client-go's. Clocks of different machines are never compared: a lease is
 * over when it has not changed for its duration, measured here. A leader that could not renew for `renewDeadlineMs` stops
 * leading, which is before anybody else may take the lease over.
 */
export class Election {
  private readonly times: typeof LEASE_TIMES;
  private readonly stopping = new AbortController();
  private leadership: AbortController | undefined;
  private observed: { readonly version: string; readonly at: number } | undefined;
  private lease: Lease | undefined;
  /** Monotonic time before the last successful renewal was sent. */
  private renewedAt = 0;
  private fence: Timer | undefined;
  private timer: Timer | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly options: ElectionOptions) {
    this.times = options.times ?? LEASE_TIMES;
  }

  get leading(): boolean {
    return this.leadership !== undefined;
  }

  /** Who leads as far as this process knows; empty when nobody does. */
  get leader(): string {
    return this.lease?.spec?.holderIdentity ?? '';
  }

  start(): void {
    this.running = this.turn();
  }

  /** Stops leading, then gives the lease back, so that another process need not wait for its end. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.timer?.cancel();
    await this.running;
    const led = this.leading;
    this.resign('this process stops');
    if (!led) return;
    await this.release().catch((error: unknown) => {
      this.options.log.warn({ reason: messageOf(error) }, 'could not give the lease back; it runs out by itself');
    });
  }

  private async release(): Promise<void> {
    const { store, identity } = this.options;
    // Read anew: a renewal that was cut off may have arrived.
    const lease = await store.read(AbortSignal.timeout(this.times.retryMs));
    if (lease?.spec?.holderIdentity !== identity) return;
    await store.write({ ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: this.now() }, lease);
  }

  private async turn(): Promise<void> {
    const started = this.options.clock.monotonic();
    try {
      const held = await this.acquireOrRenew(AbortSignal.any([this.stopping.signal, this.limit(started)]));
      if (this.stopping.signal.aborted) return;
      if (held) this.held(started);
      else this.resign('somebody else has the lease');
    } catch (error) {
      // The fence ends a leadership that cannot be renewed.
      if (!this.stopping.signal.aborted) {
        this.options.log.warn({ reason: messageOf(error), leading: this.leading }, 'could not reach the lease');
      }
    }
    if (this.stopping.signal.aborted) return;
    const wait = this.leading ? this.times.retryMs : this.times.retryMs * (1 + this.options.random() * JITTER);
    this.timer = this.options.clock.after(wait, () => this.start());
  }

  /** An attempt that takes longer than the deadline has missed it. */
  private limit(started: number): AbortSignal {
    const left = this.leading ? this.renewedAt + this.times.renewDeadlineMs - started : this.times.renewDeadlineMs;
    return AbortSignal.timeout(Math.max(1, Math.round(left)));
  }

  private async acquireOrRenew(signal: AbortSignal): Promise<boolean> {
    const { store, identity } = this.options;
    // A leader knows what is there: its own last write.
    const current = this.leading && this.lease !== undefined ? this.lease : await store.read(signal);
    this.observe(current);
    const own = current?.spec?.holderIdentity === identity;
    if (current !== undefined && !own && !this.expired(current)) return false;
    const written = await store.write(this.spec(current, own), current, signal);
    if (written === undefined) {
      this.observe(await store.read(signal));
      // A renewal may have arrived although its answer did not: then the holder is still this process.
      return this.leading && this.leader === identity && this.rewrite(signal);
    }
    this.observe(written);
    return true;
  }

  private async rewrite(signal: AbortSignal): Promise<boolean> {
    const written = await this.options.store.write(this.spec(this.lease, true), this.lease, signal);
    if (written !== undefined) this.observe(written);
    return written !== undefined;
  }

  private spec(current: Lease | undefined, own: boolean): LeaseSpec {
    const now = this.now();
    const before = current?.spec;
    return {
      holderIdentity: this.options.identity,
      leaseDurationSeconds: Math.ceil(this.times.leaseMs / 1000),
      acquireTime: own ? (before?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (own || before === undefined ? 0 : 1),
    };
  }

  private observe(lease: Lease | undefined): void {
    const version = `${lease?.metadata.uid ?? ''}/${lease?.metadata.resourceVersion ?? ''}`;
    this.lease = lease;
    if (this.observed?.version !== version) this.observed = { version, at: this.options.clock.monotonic() };
  }

  private expired(lease: Lease): boolean {
    if ((lease.spec?.holderIdentity ?? '') === '') return true;
    const duration = (lease.spec?.leaseDurationSeconds ?? this.times.leaseMs / 1000) * 1000;
    return this.options.clock.monotonic() - (this.observed?.at ?? 0) > duration;
  }

  private held(since: number): void {
    const { clock, log, lead, identity } = this.options;
    this.renewedAt = since;
    this.fence?.cancel();
    const left = since + this.times.renewDeadlineMs - clock.monotonic();
    this.fence = clock.after(Math.max(0, left), () => this.resign('the lease could not be renewed in time'));
    if (this.leading) return;
    this.leadership = new AbortController();
    log.info({ identity }, 'this control plane leads');
    lead(this.leadership.signal);
  }

  private resign(reason: string): void {
    this.fence?.cancel();
    if (this.leadership === undefined) return;
    this.leadership.abort();
    this.leadership = undefined;
    this.options.log.info({ reason }, 'this control plane leads no more');
  }

  /** RFC 3339 with microseconds, as MicroTime wants it. */
  private now(): string {
    return new Date(this.options.clock.now()).toISOString().replace('Z', '000Z');
  }
}
