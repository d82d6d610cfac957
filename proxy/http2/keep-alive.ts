import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import type { KeepAliveSettings } from './options.js';

/** Payload of the PINGs that ask whether the peer is there. */
const ALIVE = Buffer.from('weftkeep');

export interface KeepAliveOwner {
  sendPing(payload: Buffer): void;
  /** No answer came in time. */
  onSilence(): void;
}

/** Asks a peer now and then whether it is there, and gives it up when it does not answer. */
export class KeepAlive {
  private next: Timer | undefined;
  private deadline: Timer | undefined;

  constructor(
    private readonly settings: KeepAliveSettings,
    private readonly owner: KeepAliveOwner,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {
    this.schedule();
  }

  /** A stream is about to begin after `silentMs` in which the peer sent nothing. */
  beforeStream(silentMs: number): void {
    const { idleMs } = this.settings;
    if (idleMs > 0 && silentMs >= idleMs) this.ask();
  }

  onAck(payload: Buffer): void {
    if (this.deadline === undefined || !payload.equals(ALIVE)) return;
    this.deadline.cancel();
    this.deadline = undefined;
    this.schedule();
  }

  stop(): void {
    this.next?.cancel();
    this.deadline?.cancel();
    this.deadline = undefined;
  }

  private schedule(): void {
    const { intervalMs, jitterPercent } = this.settings;
    if (intervalMs <= 0) return;
    this.next?.cancel();
    const jitter = this.random() * intervalMs * (jitterPercent / 100);
    this.next = this.clock.after(intervalMs + jitter, () => this.ask());
  }

  private ask(): void {
    if (this.deadline !== undefined) return;
    this.owner.sendPing(ALIVE);
    this.deadline = this.clock.after(this.settings.timeoutMs, () => this.owner.onSilence());
  }
}
