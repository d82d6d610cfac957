// Compiles the TypeScript sources into dist/ when they are newer than the last build.
// It runs inside the commands themselves, because installs may skip scripts.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
  'tsconfig.page.json',
  'package.json',
];

const page = 'control-plane/dashboard/page';
/** What the page takes from packages, and the licences that go with it: path in the package → name in the page's `vendor/`. */
const vendored = [
  ['cytoscape', 'dist/cytoscape.esm.min.mjs', 'cytoscape.js'],
  ['cytoscape', 'LICENSE', 'cytoscape.LICENSE.txt'],
  ['@dagrejs/dagre', 'dist/dagre.esm.js', 'dagre.js'],
  ['@dagrejs/dagre', 'LICENSE', 'dagre.LICENSE.txt'],
  ['uplot', 'dist/uPlot.esm.js', 'uplot.js'],
  ['uplot', 'dist/uPlot.min.css', 'uplot.css'],
  ['uplot', 'LICENSE', 'uplot.LICENSE.txt'],
];
const sources = /\.([cm]?ts|json|html|css|svg)$/;

/** Newest modification time, in ms, of every source file under `path`. */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return sources.test(path) ? stat.mtimeMs : 0;
  let latest = stat.mtimeMs;
  for (const entry of readdirSync(path)) {
    if (entry === 'node_modules' || entry === 'testdata') continue;
    latest = Math.max(latest, newest(join(path, entry)));
  }
  return latest;
}

function compile(tsc, project) {
  return runs(tsc, '-p', join(root, project));
}

function runs(...script) {
  return spawnSync(process.execPath, script, { stdio: ['ignore', 2, 2] }).status === 0;
}

/** The dashboard's page: modules for the browser, and beside them what is not compiled. */
function buildPage(tsc) {
  rmSync(join(root, 'dist', 'page'), { recursive: true, force: true });
  if (!compile(tsc, 'tsconfig.page.json')) return false;
  const out = join(root, 'dist', 'page', page);
  mkdirSync(join(out, 'vendor'), { recursive: true });
  for (const name of readdirSync(join(root, page)))
    if (/\.(html|css|svg)$/.test(name)) copyFileSync(join(root, page, name), join(out, name));
  for (const [name, from, to] of vendored)
    copyFileSync(join(root, 'node_modules', name, from), join(out, 'vendor', to));
  return true;
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
  if (!compile(tsc, 'tsconfig.build.json') || !buildPage(tsc) || !runs(join(root, 'bin', 'bundle.mjs'))) {
    rmSync(stamp, { force: true });
    return false;
  }
  writeFileSync(stamp, `${new Date(started).toISOString()}\n`);
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !build()) process.exit(1);
