import { systemClock } from '../../../common/runtime/clock.js';
import type { ConfigSet } from '../source.js';
import { mergeFiles } from './config-set.js';
import { FileCache } from './file-cache.js';
import { readFile } from './file-state.js';

/** Reads a folder once. Throws when the folder itself cannot be read; faults in files are findings. */
export async function readFolder(root: string): Promise<ConfigSet> {
  const files = await new FileCache(root, systemClock.now).refresh();
  return mergeFiles(
    files.map((file) => readFile(file, undefined)),
    [],
  );
}
