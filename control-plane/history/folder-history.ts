import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { writeAtomically } from '../ca/files.js';
import type { History } from './history.js';
import { decodeHistory, encodeHistory } from './stored-history.js';

const FILE = 'history.json.gz';
const MAX_BYTES = 8_000_000;
/** Versions that come together are written together. */
const SETTLE_MS = 200;

/** Keeps the history in the state folder, so that it is there after a restart. One that cannot be read or written costs the past only. */
export class FolderHistory {
  private readonly path: string;
  private timer: Timer | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    stateDir: string,
    private readonly history: History,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {
    this.path = join(stateDir, FILE);
  }

  /** Resolves when what was left there is taken. */
  async load(): Promise<void> {
    try {
      this.history.adopt(await decodeHistory(await readFile(this.path)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.log.warn({ path: this.path, reason: messageOf(error) }, 'the history begins anew');
    }
  }

  /** There is a new version. */
  changed(): void {
    this.timer ??= this.clock.after(SETTLE_MS, () => this.write());
  }

  /** Resolves when everything is written. */
  async stop(): Promise<void> {
    if (this.timer !== undefined) this.write();
    await this.writing;
  }

  private write(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.writing = this.writing.then(async () => {
      try {
        const bytes = await encodeHistory(this.history.whole, MAX_BYTES);
        if (bytes !== undefined) await writeAtomically(this.path, bytes, 0o600);
        else this.log.warn({ path: this.path }, 'the configuration is too large for its history to be kept');
      } catch (error) {
        this.log.warn({ path: this.path, reason: messageOf(error) }, 'the history is not kept');
      }
    });
  }
}
