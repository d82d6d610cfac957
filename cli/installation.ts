import { existsSync, readFileSync } from 'node:fs';
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

/** Node's own options for a sidecar. Dockerfile.proxy has the same. */
export const SIDECAR_NODE_OPTIONS = ['--max-semi-space-size=1'];

/** What starts a sidecar on this `node`, as the image does; the arguments of `weft` come after it. */
export function sidecarCommand(node: string): string[] {
  return [node, ...SIDECAR_NODE_OPTIONS, join(installationRoot(), 'dist', 'cli', 'sidecar', 'start.cjs')];
}

/** The version in package.json. */
export function version(): string {
  const manifest = JSON.parse(readFileSync(join(installationRoot(), 'package.json'), 'utf8')) as { version: string };
  return manifest.version;
}
