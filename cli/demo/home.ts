import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../command.js';

/**
 * Makes sure that one demo at a time uses a home folder: two would write each other's files. Returns the release. A
 * lock whose process is gone is taken over.
 */
export function acquireHome(home: string): () => void {
  const path = join(home, 'demo.pid');
  const owner = runningOwner(path);
  if (owner !== undefined) {
    throw new UsageError(
      `another demo (process ${owner}) runs in ${home}. End it, or give this one a folder of its own with --home DIR.`,
    );
  }
  writeFileSync(path, `${process.pid}\n`);
  return () => rmSync(path, { force: true });
}

function runningOwner(path: string): number | undefined {
  let pid: number;
  try {
    pid = Number(readFileSync(path, 'utf8'));
    process.kill(pid, 0);
  } catch {
    return undefined;
  }
  return pid === process.pid ? undefined : pid;
}
