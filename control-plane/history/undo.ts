import type { MeshState } from '../../common/observe/mesh-state.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';
import { inForce } from '../bypass/bypass.js';
import type { Mesh } from '../mesh.js';
import type { ProxyFacts } from '../observe/facts.js';
import { Progress } from './changes.js';
import { History } from './history.js';
import { type Interventions, NO_INTERVENTIONS, type Occurrence, occurrences } from './interventions.js';
import { differing } from './rollback.js';

export interface UndoOptions {
  readonly mesh: () => Pick<Mesh, 'live' | 'configuration' | 'refresh'>;
  /** The proxies of this replica. */
  readonly proxies: () => readonly ProxyFacts[];
  /** Told once for everything that somebody changes, or that ends by itself; not for what is found at the start. */
  readonly onOccurrence?: (occurrence: Occurrence) => void;
  /** Told when the history has become longer. */
  readonly onVersion?: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A timer cannot be longer than this; who waits longer looks in between. */
const LONGEST_MS = 3_600_000;

/** What the mesh was told before, and what stands above its objects now. */
export class Undo {
  readonly history: History;
  readonly progress = new Progress();
  private asked: Interventions = NO_INTERVENTIONS;
  private known: Interventions = NO_INTERVENTIONS;
  private timer: Timer | undefined;
  private started = false;

  constructor(private readonly options: UndoOptions) {
    this.history = new History(options.clock);
  }

  /** What stands above the objects, without what has ended. */
  get interventions(): Interventions {
    return { ...this.asked, bypasses: inForce(this.asked.bypasses, this.options.clock.now()) };
  }

  /** Puts something above the objects, or takes it away. */
  take(next: Interventions): void {
    const { started } = this;
    this.started = true;
    if (next.id === this.asked.id) return;
    this.asked = next;
    this.look(started);
  }

  /** A snapshot is in force. */
  recorded(): void {
    const { mesh, proxies } = this.options;
    const { configuration } = mesh();
    if (configuration === undefined) return;
    const before = this.history.latest?.number ?? 0;
    // Most snapshots differ in endpoints only, and who has which version is much to ask of thousands of proxies.
    if (this.history.record(configuration) === undefined) return;
    this.progress.look(proxies(), before);
    this.options.onVersion?.();
  }

  state(): MeshState {
    const { live } = this.options.mesh();
    const { id, rollback, bypasses } = this.interventions;
    const version = this.history.latest?.id ?? '';
    if (rollback === undefined) return { id, version, bypasses };
    const differs = live === undefined ? [] : differing(live, rollback);
    const { version: wanted, time, by } = rollback;
    return { id, version, rollback: { version: wanted, time, by, differs }, bypasses };
  }

  stop(): void {
    this.timer?.cancel();
  }

  private look(tell: boolean): void {
    const { mesh, log, clock, onOccurrence } = this.options;
    const now = this.interventions;
    for (const occurrence of occurrences(this.known, now)) {
      log.warn({ reason: occurrence.reason }, occurrence.message);
      if (tell) onOccurrence?.(occurrence);
    }
    this.known = now;
    // Never rejects: what cannot be built leaves the snapshot that is there.
    void mesh().refresh();
    this.timer?.cancel();
    const ends = now.bypasses.flatMap(({ until }) => (until === undefined ? [] : [until]));
    if (ends.length === 0) return;
    const wait = Math.min(LONGEST_MS, Math.max(1, Math.min(...ends) - clock.now()));
    this.timer = clock.after(wait, () => this.look(true));
  }
}
