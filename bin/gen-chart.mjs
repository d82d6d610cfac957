// Writes the Helm chart in deploy/chart from the objects that `weft install` prints. `--check` only says whether it is what
// it would write.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const chart = join(root, 'deploy', 'chart');
if (!build()) process.exit(1);
const { chartFiles } = await import('../dist/cli/install/chart.js');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const files = chartFiles(version);

if (process.argv.includes('--check')) {
  const present = existsSync(chart) ? readdirSync(chart, { recursive: true, withFileTypes: true }) : [];
  const names = present.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const stale = names.filter((path) => files.get(path.slice(chart.length + 1)) !== readFileSync(path, 'utf8'));
  const missing = [...files.keys()].filter((name) => !names.includes(join(chart, name)));
  if (stale.length + missing.length > 0) {
    process.stderr.write(`deploy/chart is stale (${[...stale, ...missing].join(', ')}): npm run gen:chart\n`);
    process.exit(1);
  }
} else {
  rmSync(chart, { recursive: true, force: true });
  for (const [name, text] of files) {
    mkdirSync(dirname(join(chart, name)), { recursive: true });
    writeFileSync(join(chart, name), text);
  }
  symlinkSync(join('..', 'crds'), join(chart, 'crds'));
  process.stdout.write(`deploy/chart: ${files.size} files\n`);
}
