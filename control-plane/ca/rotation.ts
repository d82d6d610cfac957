import { randomUUID, X509Certificate } from 'node:crypto';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import {
  abortRotation,
  advanceRotation,
  beginRotation,
  type RootPair,
  type RootState,
  type Rotation,
} from './root-state.js';
import type { Laggards } from './trust-view.js';

/** Where the roots are kept, so that a rotation survives any restart. */
export interface RootStore {
  /** Undefined while nobody knows, and where the authority is somebody else's. */
  read(): RootState | undefined;
  /** Resolves when it is kept and in force here. */
  write(next: RootState): Promise<void>;
}

/** What a user asks for. */
export interface RotationRequest {
  readonly action: 'start' | 'abort';
}

export interface RotationOptions {
  readonly store: RootStore;
  /** Who is not ready for the next step, at every replica. Rejects when somebody does not answer. */
  readonly laggards: (rotation: Rotation, issuer: string) => Promise<Laggards>;
  readonly makeRoot: () => Promise<RootPair>;
  /** Who signs the certificates of workloads, where our root does not: then it is not rotated. */
  readonly external?: string;
  /** A root that is older than this is replaced; undefined leaves that to people. */
  readonly everyMs?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const TICK_MS = 500;
/** A push has to go out before its absence says anything. */
const STEP_MS = 1000;
const REPEAT_MS = 60_000;

/**
 * Replaces the root in three steps: the new one is trusted everywhere, it signs, the old one is dropped. Each begins when every
 * connected proxy has the one before. One process at a time runs it; where it ends, another goes on.
 */
export class RootRotation {
  private timer: Timer | undefined;
  private running = false;
  private busy = false;
  private trouble = '';
  private told = { text: '', at: 0 };

  constructor(private readonly options: RotationOptions) {}

  start(): void {
    this.running = true;
    this.later();
  }

  stop(): void {
    this.running = false;
    this.timer?.cancel();
  }

  /** Why it cannot go on; empty when nothing is wrong. */
  get problem(): string {
    return this.trouble;
  }

  /** Rejects with an Error that says why it is not possible. */
  async request({ action }: RotationRequest): Promise<void> {
    const { store, external, clock, log } = this.options;
    if (external !== undefined) {
      throw new Error(
        `${external} signs the certificates of workloads: rotate its root there, with both roots in --ca-signer-roots meanwhile`,
      );
    }
    const state = store.read();
    if (state === undefined) throw new Error('the root is not ours to rotate');
    if (action === 'start') {
      await this.begin(state, 'command');
      return;
    }
    await store.write(abortRotation(state, clock.now()));
    log.warn({ rotation: state.rotation?.id }, 'the rotation of the root is called off');
  }

  /** One look at what is to be done. */
  async tick(): Promise<void> {
    const state = this.options.store.read();
    if (state === undefined || this.options.external !== undefined) return;
    if (state.rotation !== undefined) await this.goOn(state, state.rotation);
    else if (this.due(state)) await this.begin(state, 'schedule');
  }

  private later(): void {
    if (!this.running) return;
    this.timer = this.options.clock.after(TICK_MS, () => {
      void this.guarded().then(() => this.later());
    });
  }

  private async guarded(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      await this.tick();
      this.trouble = '';
    } catch (error) {
      this.trouble = messageOf(error);
      this.tell('warn', `the rotation of the root cannot go on: ${this.trouble}`);
    } finally {
      this.busy = false;
    }
  }

  private async begin(state: RootState, cause: Rotation['cause']): Promise<void> {
    const { store, makeRoot, clock, log } = this.options;
    const id = randomUUID();
    await store.write(beginRotation(state, await makeRoot(), { id, cause, now: clock.now() }));
    log.info({ rotation: id, cause }, 'rotation of the root, step 1 of 3: a new root is trusted everywhere');
  }

  private async goOn(state: RootState, rotation: Rotation): Promise<void> {
    const { store, laggards, clock, log } = this.options;
    if (clock.now() - rotation.stepSince < STEP_MS) return;
    const { settled, waitingFor } = await laggards(rotation, fingerprintOf(state.signer.certificate));
    if (!settled || waitingFor.length > 0) {
      const names = waitingFor.map(({ proxy, reason }) => `${proxy} (${reason})`);
      if (names.length > 0) this.tell('info', `the rotation of the root waits for ${names.slice(0, 5).join(', ')}`);
      return;
    }
    await store.write(advanceRotation(state, clock.now()));
    const step = rotation.step === 'trust' ? 'step 2 of 3: the new root signs' : 'step 3 of 3: the old root is dropped';
    log.info({ rotation: rotation.id }, `rotation of the root, ${step}`);
  }

  private due({ signer }: RootState): boolean {
    const { everyMs, clock } = this.options;
    if (everyMs === undefined) return false;
    return clock.now() - Date.parse(new X509Certificate(signer.certificate).validFrom) > everyMs;
  }

  /** The same thing is said once a minute. */
  private tell(level: 'info' | 'warn', text: string): void {
    const now = this.options.clock.monotonic();
    if (text === this.told.text && now - this.told.at < REPEAT_MS) return;
    this.told = { text, at: now };
    this.options.log[level](text);
  }
}

/** SHA-256 of a certificate, hex. */
export function fingerprintOf(pem: string): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
}
