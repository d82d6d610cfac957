import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Inputs that were findings once, or are known to be hard; Latin-1 text, one for each entry. */
export function readCorpus(name: string): readonly Buffer[] {
  const file = join(root(), 'test', 'fuzz', 'corpus', `${name}.json`);
  if (!existsSync(file)) return [];
  const texts = JSON.parse(readFileSync(file, 'utf8')) as readonly string[];
  return texts.map((text) => Buffer.from(text, 'latin1'));
}

/** The repository, from the sources or from what was built of them. */
function root(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
