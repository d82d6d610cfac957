import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that this program was installed in: where package.json and deploy/ are. */
export function installationRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'proto', 'subset.yaml'))) dir = dirname(dir);
  return dir;
}

/** The `weft` program of this installation. */
export function weftProgram(): string {
  return join(installationRoot(), 'dist', 'cli', 'main.js');
}
