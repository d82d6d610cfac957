import type { Clock } from '../../common/runtime/clock.js';
import { ERROR } from './constants.js';
import { ConnectionError } from './errors.js';

/** Frames that do nothing and cost something: PING, SETTINGS, PRIORITY, empty DATA, unknown ones. */
const NUISANCE_BURST = 1000;
const NUISANCE_PER_SECOND = 100;
/** Requests that a client gave up, or that it broke. */
const RESET_BURST = 200;
const RESET_PER_SECOND = 50;
/** WINDOW_UPDATE frames beyond what the data sent can want, as Envoy counts them. */
const UPDATES_PER_DATA_FRAME = 10;
const UPDATES_FREE = 100;

/**
 * Limits what a peer may make us do for nothing. Honest traffic earns credit, so that a busy connection may have many
 * cancelled requests and a flood has few. What goes too far is answered by ENHANCE_YOUR_CALM.
 */
export class FloodGuard {
  private nuisance = 0;
  private resets = 0;
  private updates = 0;
  private dataFrames = 0;
  private streams = 0;
  private checkedAt: number;

  constructor(private readonly clock: Clock) {
    this.checkedAt = clock.monotonic();
  }

  /** @throws ConnectionError */
  onNuisance(detail: string): void {
    if (++this.nuisance <= NUISANCE_BURST) return;
    this.refill();
    if (this.nuisance > NUISANCE_BURST) throw calm(detail);
  }

  /** @throws ConnectionError */
  onPrematureReset(): void {
    if (++this.resets <= RESET_BURST) return;
    this.refill();
    if (this.resets > RESET_BURST) throw calm('premature_resets');
  }

  /** @throws ConnectionError */
  onWindowUpdate(): void {
    const allowed = UPDATES_FREE + 2 * (this.streams + UPDATES_PER_DATA_FRAME * this.dataFrames);
    if (++this.updates > allowed) throw calm('inbound_window_update_frames_flood');
  }

  onStreamOpened(): void {
    this.streams++;
  }

  /** A request ended as requests do. */
  onStreamCompleted(): void {
    if (this.resets > 0) this.resets--;
  }

  onDataSent(): void {
    this.dataFrames++;
  }

  onDataReceived(): void {
    if (this.nuisance > 4) this.nuisance -= 4;
  }

  private refill(): void {
    const now = this.clock.monotonic();
    const seconds = (now - this.checkedAt) / 1000;
    this.checkedAt = now;
    this.nuisance = Math.max(0, this.nuisance - seconds * NUISANCE_PER_SECOND);
    this.resets = Math.max(0, this.resets - seconds * RESET_PER_SECOND);
  }
}

function calm(detail: string): ConnectionError {
  return new ConnectionError(ERROR.ENHANCE_YOUR_CALM, detail);
}
