// Compiles the TypeScript sources into dist/ when they are newer than the last build.
// It runs inside the commands themselves, because installs may skip scripts.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'dist', '.built');
const inputs = [
  'proxy',
  'control-plane',
  'common',
  'cli',
  'proto',
  'deploy',
  'test',
  'tsconfig.json',
  'tsconfig.build.json',
  'package.json',
];

/** Newest modification time, in ms, of every .ts or .json file under `path`. */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return path.endsWith('.ts') || path.endsWith('.json') ? stat.mtimeMs : 0;
  let latest = stat.mtimeMs;
  for (const entry of readdirSync(path)) {
    if (entry === 'node_modules' || entry === 'testdata') continue;
    latest = Math.max(latest, newest(join(path, entry)));
  }
  return latest;
}

/** Builds if needed. Returns false when the compiler reported errors. */
export function build() {
  const built = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sourcesPresent = existsSync(join(root, 'tsconfig.build.json')) && existsSync(join(root, 'cli', 'main.ts'));
  if (!sourcesPresent) return true;
  if (built > 0 && inputs.every((input) => newest(join(root, input)) <= built)) return true;
  let tsc;
  try {
    tsc = join(dirname(createRequire(join(root, 'package.json')).resolve('typescript/package.json')), 'bin', 'tsc');
  } catch {
    if (built > 0) return true;
    process.stderr.write('weft: dist/ is missing and the compiler is not installed. Run `npm ci` first.\n');
    return false;
  }
  const started = Date.now();
  mkdirSync(dirname(stamp), { recursive: true });
  const result = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
    stdio: ['ignore', 2, 2],
  });
  if (result.status !== 0) {
    rmSync(stamp, { force: true });
    return false;
  }
  writeFileSync(stamp, `${new Date(started).toISOString()}\n`);
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !build()) process.exit(1);
