import type { Clock, Random } from '../../../common/runtime/clock.js';
import type { Logger } from '../../../common/runtime/log.js';
import type { ServiceClient } from '../../router/forward/service-call.js';
import type { Counter } from '../counter.js';
import type { KeySource } from './key-source.js';
import { type KeySet, parseKeySet } from './keys.js';
import type { JwtStatus } from './status.js';

export interface RemoteKeysConfig {
  readonly cluster: string;
  readonly authority: string;
  readonly path: string;
  /** Of one try. */
  readonly timeoutMs: number;
  readonly cacheMs: number;
  readonly retries: number;
  readonly backOffMs: number;
  readonly maxBackOffMs: number;
  /** Set where keys are fetched before anybody asks: how long after a failure it is tried again. */
  readonly asyncRetryMs: number | undefined;
}

export interface RemoteKeysDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly services: Pick<ServiceClient, 'call'>;
  readonly log?: Logger;
}

interface Counters {
  readonly success: Counter;
  readonly failed: Counter;
}

/** A set that does not know a token's key may be out of date, but nobody makes us ask for it more often than this. */
const UNKNOWN_KEY_MS = 10_000;
/** Keys are asked for anew so long before they are too old, so that no request waits for them. */
const AHEAD_MS = 5_000;
/** Nobody asked for so many lifetimes: keys are no longer refreshed unasked. */
const IDLE_LIFETIMES = 3;
const MAX_BYTES = 1024 * 1024;

/**
 * Keys that the proxy fetches from an issuer through a cluster: once for all who wait, refreshed before they are too old,
 * and kept while the issuer is down.
 */
export class RemoteKeys implements KeySource {
  version = 0;
  private current: KeySet | undefined;
  private text = '';
  /** Monotonic ms of the last good answer, of the last try, and of the last use. */
  private fetchedAt = Number.NEGATIVE_INFINITY;
  private triedAt = Number.NEGATIVE_INFINITY;
  private usedAt: number;
  private pending: Promise<KeySet | undefined> | undefined;

  constructor(
    private readonly config: RemoteKeysConfig,
    private readonly deps: RemoteKeysDeps,
    private readonly counters: Counters,
  ) {
    this.usedAt = deps.clock.monotonic();
    if (config.asyncRetryMs !== undefined) void this.refresh();
  }

  keys(kid: string): KeySet | JwtStatus | Promise<KeySet | JwtStatus> {
    const now = this.deps.clock.monotonic();
    this.usedAt = now;
    const { current } = this;
    const age = now - this.fetchedAt;
    if (current === undefined) return this.wait();
    if (
      kid !== '' &&
      now - this.triedAt >= UNKNOWN_KEY_MS &&
      !current.some((key) => key.kid === '' || key.kid === kid)
    ) {
      return this.wait();
    }
    if (age < this.config.cacheMs) {
      if (age >= this.config.cacheMs - aheadOf(this.config)) void this.refresh();
      return current;
    }
    // Old keys serve on while the issuer does not answer, but it is asked first, now and then.
    return now - this.triedAt >= Math.min(this.config.cacheMs, AHEAD_MS) ? this.wait() : current;
  }

  private async wait(): Promise<KeySet | JwtStatus> {
    return (await this.refresh()) ?? this.current ?? 'fetch';
  }

  private refresh(): Promise<KeySet | undefined> {
    this.pending ??= this.fetch().finally(() => {
      this.pending = undefined;
    });
    return this.pending;
  }

  private async fetch(): Promise<KeySet | undefined> {
    const { clock } = this.deps;
    this.triedAt = clock.monotonic();
    let keys: KeySet | undefined;
    for (let attempt = 0; attempt <= this.config.retries && keys === undefined; attempt++) {
      if (attempt > 0) await this.pause(attempt);
      keys = await this.once();
    }
    this.triedAt = clock.monotonic();
    if (keys === undefined) this.counters.failed.increment();
    else {
      this.fetchedAt = this.triedAt;
      this.counters.success.increment();
    }
    this.schedule(keys !== undefined);
    return keys;
  }

  private async once(): Promise<KeySet | undefined> {
    const { cluster, authority, path, timeoutMs } = this.config;
    try {
      const answer = await this.deps.services.call({
        cluster,
        method: 'GET',
        path,
        authority,
        timeoutMs,
        maxBytes: MAX_BYTES,
      });
      const text = answer.status === 200 ? answer.body.toString('utf8') : '';
      if (text !== '' && text === this.text) return this.current;
      const keys = parseKeySet(text);
      if (keys === undefined) {
        this.deps.log?.warn({ cluster, path, status: answer.status }, 'keys of an issuer cannot be used');
        return undefined;
      }
      this.text = text;
      this.current = keys;
      this.version++;
      return keys;
    } catch (error) {
      this.deps.log?.warn({ cluster, path, err: error }, 'keys of an issuer cannot be fetched');
      return undefined;
    }
  }

  private pause(attempt: number): Promise<void> {
    const most = Math.min(this.config.backOffMs * 2 ** (attempt - 1), this.config.maxBackOffMs);
    const ms = most * this.deps.random();
    return new Promise((resolve) => {
      this.deps.clock.after(ms, resolve);
    });
  }

  /** The next fetch that nobody asks for; none where keys are fetched on demand, or are no longer used. */
  private schedule(good: boolean): void {
    const { asyncRetryMs, cacheMs } = this.config;
    if (asyncRetryMs === undefined) return;
    const ms = good ? cacheMs - aheadOf(this.config) : asyncRetryMs;
    this.deps.clock.after(ms, () => {
      if (this.deps.clock.monotonic() - this.usedAt < IDLE_LIFETIMES * Math.max(cacheMs, 60_000)) void this.refresh();
    });
  }
}

function aheadOf({ cacheMs }: RemoteKeysConfig): number {
  return Math.min(AHEAD_MS, cacheMs / 10);
}

/** Sets of keys by where they come from: they outlive the configuration that asks for them. */
export class RemoteKeyStore {
  private readonly sets = new Map<string, { readonly keys: RemoteKeys }>();

  constructor(private readonly deps: RemoteKeysDeps) {}

  get(config: RemoteKeysConfig, counters: Counters): RemoteKeys {
    const id = JSON.stringify(config);
    let entry = this.sets.get(id);
    if (entry === undefined) {
      entry = { keys: new RemoteKeys(config, this.deps, counters) };
      this.sets.set(id, entry);
      if (this.sets.size > MAX_SETS) this.dropOldest();
    }
    return entry.keys;
  }

  /** Those who still have it go on with it. */
  private dropOldest(): void {
    const oldest = this.sets.keys().next();
    if (oldest.done !== true) this.sets.delete(oldest.value);
  }
}

const MAX_SETS = 256;
