import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { decodeInterventions, INTERVENTIONS_FILE, type Interventions, NO_INTERVENTIONS } from './interventions.js';

const LOOK_MS = 200;

/** Where `weft rollback` and `weft bypass` write on a machine: who may write there may steer the mesh. */
export function interventionsPath(stateDir: string): string {
  return join(stateDir, INTERVENTIONS_FILE);
}

/** Follows the file in the state folder. One that cannot be read leaves what is in force. */
export class FolderInterventions {
  private readonly path: string;
  private seen = '';
  private timer: Timer | undefined;
  private stopped = false;

  constructor(
    stateDir: string,
    private readonly take: (interventions: Interventions) => void,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {
    this.path = interventionsPath(stateDir);
  }

  /** Resolves when what was left there is taken. */
  async start(): Promise<void> {
    await this.look();
    this.later();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private later(): void {
    if (this.stopped) return;
    this.timer = this.clock.after(LOOK_MS, () => {
      void this.look().then(() => this.later());
    });
  }

  private async look(): Promise<void> {
    const found = await stat(this.path).catch(() => undefined);
    const mark = found === undefined ? '' : `${found.ino} ${found.mtimeMs} ${found.size}`;
    if (mark === this.seen) return;
    this.seen = mark;
    try {
      this.take(found === undefined ? NO_INTERVENTIONS : decodeInterventions(await readFile(this.path)));
    } catch (error) {
      this.log.error({ path: this.path, reason: messageOf(error) }, 'what is in force stays');
    }
  }
}
