import { type Command, Option } from 'commander';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';
import { formatTable } from '../output/table.js';
import { formatMs } from '../stat/format.js';
import { isTapped, type TapFilters, tapMesh } from '../stat/tap-mesh.js';
import { type TopRow, TopTable } from '../stat/top-table.js';
import { nodesOf, tapOptions } from './tap.js';

interface Options extends MeshOptions, TapFilters {
  readonly output: OutputFormat;
  readonly watch?: true;
  readonly sort: 'count' | 'last' | 'worst' | 'failed';
}

const CLEAR = '\x1b[H\x1b[2J';
const SHOWN = 30;
/** Enough to rank requests by. */
const RATE = '200';

/** `weft top`: live requests, summed up by who, where and path. */
export function configure(command: Command): void {
  tapOptions(meshOptions(command))
    .argument('[of]', 'deploy/NAME or svc/NAME; otherwise the whole mesh')
    .option('--for <seconds>', 'look so long (on a terminal until Ctrl-C, otherwise 10)')
    .option('-o, --output <format>', 'table, wide, json or yaml', parseOutputFormat, 'table')
    .option('-w, --watch', 'show it anew every second where the output is no terminal, too')
    .addOption(
      new Option('--sort <by>', 'what comes first').choices(['count', 'last', 'worst', 'failed']).default('count'),
    )
    .addHelpText(
      'after',
      `
Looks at live requests as \`weft tap\` does, 200 a second of each sidecar at most. On a terminal the table is shown anew every
second; otherwise once, at the end.

Examples:
  weft top
  weft top deploy/productpage-v1 --sort worst
  weft top --status errors --for 30 -o json`,
    )
    .action(async (of: string | undefined, options: Options) => {
      const screen = process.stdout.isTTY === true && (options.output === 'table' || options.output === 'wide');
      const mesh = await openMesh(options);
      const nodes = of === undefined ? [''] : await nodesOf(mesh, of, options.namespace);
      const stop = new AbortController();
      process.once('SIGINT', () => stop.abort());
      const table = new TopTable();
      const rows = (): TopRow[] => table.rows(options.sort);
      const timer = setInterval(() => {
        if (screen) process.stdout.write(`${CLEAR}${render(rows())}\n`);
        else if (options.watch === true) print(options.output, rows(), () => render(rows()));
      }, 1000);
      const filters = { ...options, rate: RATE, for: options.for ?? (screen || options.watch === true ? '600' : '10') };
      const tapped = nodes.map((node) =>
        tapMesh(mesh, node, filters, stop.signal, (line) => {
          if (isTapped(line)) table.add(line);
          else if (line.note !== undefined) process.stderr.write(`weft: ${line.note}\n`);
          else table.skipped += line.skipped ?? 0;
        }),
      );
      await Promise.all(tapped).finally(() => clearInterval(timer));
      if (table.skipped > 0)
        process.stderr.write(`weft: ${table.skipped} requests beyond ${RATE} a second are not in it\n`);
      print(options.output, rows(), () => render(rows()));
    });
}

function render(rows: readonly TopRow[]): string {
  if (rows.length === 0) return 'No request so far.';
  return formatTable(
    ['SOURCE', 'DESTINATION', 'METHOD', 'PATH', 'COUNT', 'BEST', 'WORST', 'LAST', 'SUCCESS'],
    rows
      .slice(0, SHOWN)
      .map((row) => [
        row.source,
        row.destination,
        row.method,
        row.path,
        String(row.count),
        formatMs(row.bestMs),
        formatMs(row.worstMs),
        formatMs(row.lastMs),
        `${(((row.count - row.failed) / row.count) * 100).toFixed(1)}%`,
      ]),
  );
}
