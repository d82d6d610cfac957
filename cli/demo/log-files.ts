import { appendFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** In the state folder. */
export const LOG_FOLDER = 'logs';
/** Of one part; as much again is kept of what was before. */
const MAX_BYTES = 500_000;

/** What the demo's parts say, a file each, bounded: the screen shows only what is bad. */
export class LogFiles {
  private readonly folder: string;
  private readonly sizes = new Map<string, number>();

  constructor(state: string) {
    this.folder = join(state, LOG_FOLDER);
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  /** Never throws: a disk that is full does not end the demo. */
  write(part: string, line: string): void {
    const path = join(this.folder, `${part.replace(/[^A-Za-z0-9._-]+/g, '-')}.log`);
    try {
      const size = (this.sizes.get(path) ?? 0) + line.length + 1;
      if (size > MAX_BYTES) renameSync(path, path.replace(/log$/, 'before.log'));
      this.sizes.set(path, size > MAX_BYTES ? line.length + 1 : size);
      appendFileSync(path, `${line}\n`, { mode: 0o600 });
    } catch {
      return;
    }
  }
}
