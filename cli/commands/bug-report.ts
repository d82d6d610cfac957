import { type Command, InvalidArgumentError } from 'commander';
import { writeArchive } from '../bug-report/archive.js';
import { collect, type Entry } from '../bug-report/collect.js';
import { version } from '../installation.js';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';

interface Options extends MeshOptions {
  readonly file?: string;
  readonly proxies: number;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('A number of at least 0.');
  return value;
}

/** `weft bug-report`: what helps to find a fault, in one archive. */
export function configure(command: Command): void {
  meshOptions(command, 'only the proxies of this namespace')
    .option('-f, --file <path>', 'archive to write, which must not exist (default: weft-bug-report-TIME.tar.gz)')
    .option('--proxies <number>', 'ask so many proxies at most, those in trouble first', count, 30)
    .addHelpText(
      'after',
      `
Gathers versions, findings, sync states, metrics, the graph, failed requests, the mesh's objects as YAML with their history, and of
proxies configuration, endpoints and certificates; logs of the control plane and of those proxies (in a cluster the last 2000
lines of each container, with the Events of their namespaces; of a demo what it keeps in its state folder). Keys, tokens, passwords and credentials in headers are left out; nothing is sent anywhere: look at it before you do.

Examples:
  weft bug-report
  weft bug-report -n bookinfo --proxies 5 -f report.tar.gz`,
    )
    .action(async (options: Options) => {
      const mesh = await openMesh(options);
      const now = new Date();
      const name = `weft-bug-report-${now.toISOString().replace(/[:.]/g, '-').slice(0, 19)}`;
      const path = options.file ?? `${name}.tar.gz`;
      const files = await writeArchive(
        path,
        name,
        withAbout(
          collect(mesh, options, (what) => process.stderr.write(`asking ${what}\n`)),
          now,
        ),
        now,
      );
      process.stdout.write(`${path}: ${files} files\n`);
    });
}

async function* withAbout(entries: AsyncIterable<Entry>, now: Date): AsyncGenerator<Entry> {
  const { platform, arch, version: node } = process;
  const about = { time: now.toISOString(), weft: version(), node, platform, arch };
  yield { name: 'about.json', text: `${JSON.stringify(about, null, 2)}\n` };
  yield* entries;
}
