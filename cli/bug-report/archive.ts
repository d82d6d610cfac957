import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Entry } from './collect.js';

/** Writes a .tar.gz that only its owner may read. Resolves with the number of files. */
export async function writeArchive(
  path: string,
  folder: string,
  entries: AsyncIterable<Entry>,
  now: Date,
): Promise<number> {
  const archive = pack();
  const written = pipeline(archive, createGzip(), createWriteStream(path, { mode: 0o600, flags: 'wx' }));
  const fill = async (): Promise<number> => {
    let files = 0;
    for await (const { name, text } of entries) {
      await new Promise<void>((done, fail) => {
        archive.entry({ name: `${folder}/${name}`, mtime: now }, text, (error) => (error ? fail(error) : done()));
      });
      files++;
    }
    archive.finalize();
    return files;
  };
  const filled = fill().catch((error: unknown) => {
    archive.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  });
  const [files] = await Promise.all([filled, written]);
  return files;
}
