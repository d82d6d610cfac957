import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LOG_FOLDER } from '../demo/log-files.js';
import type { Entry } from './collect.js';

const BYTES = 1_000_000;

/** What the parts of a demo have logged lately. A control plane that was started otherwise keeps no logs here. */
export async function* localRecords(state: string): AsyncGenerator<Entry> {
  const folder = join(state, LOG_FOLDER);
  for (const name of (await readdir(folder).catch(() => [])).sort()) {
    yield { name: `logs/${name}`, text: await tail(join(folder, name)) };
  }
}

async function tail(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const length = Math.min(size, BYTES);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8');
  } finally {
    await file.close();
  }
}
