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

/**
 * Threads share one arena of glibc's malloc, which gives back what it does not need: what V8's compilers leave behind in their
 * own would stay.
 */
export const SIDECAR_ENVIRONMENT = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' };

/** Node's options for a sidecar, also in NODE_OPTIONS: halves of the young generation of 4 MB at most, where Node has 16. */
export const SIDECAR_NODE_OPTIONS = ['--max-semi-space-size=4'];

/**
 * Those that Node takes on the command line only: without collections that give back all they can while there is little to do.
 * They throw the shapes of objects away that no request has just then, and with them the code compiled for these.
 */
const COMMAND_LINE_OPTIONS = ['--no-memory-reducer'];

/** What starts a sidecar on this `node`, as the image does; the arguments of `weft` come after it. `env` is replaced by Node. */
export function sidecarCommand(node: string): string[] {
  const start = join(installationRoot(), 'dist', 'cli', 'sidecar', 'start.cjs');
  return [...withEnvironment(node), ...SIDECAR_NODE_OPTIONS, ...COMMAND_LINE_OPTIONS, start];
}

/**
 * What starts a control plane in a cluster on this `node`, as the image does; the arguments of `weft` come after it. Halves of the young
 * generation of 8 MB at most: with Node's 16 it takes 40 MB more, and no less time.
 */
export function controlPlaneCommand(node: string): string[] {
  return [...withEnvironment(node), '--max-semi-space-size=8', weftProgram()];
}

function withEnvironment(node: string): string[] {
  return ['/usr/bin/env', ...Object.entries(SIDECAR_ENVIRONMENT).map(([name, value]) => `${name}=${value}`), node];
}

/** The version in package.json. */
export function version(): string {
  const manifest = JSON.parse(readFileSync(join(installationRoot(), 'package.json'), 'utf8')) as { version: string };
  return manifest.version;
}
