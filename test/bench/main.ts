import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { formatTable } from '../../cli/output/table.js';
import { messageOf } from '../../common/runtime/errors.js';
import { hasProc, machineDescription } from './processes.js';
import { type Measurement, relay } from './relay.js';

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly json?: string;
  readonly smoke?: boolean;
}

const SCENARIOS = { relay } as const;
type ScenarioName = keyof typeof SCENARIOS;

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('A number above 0.');
  return value;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

function spread(values: readonly number[], digits: number): string {
  return `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
}

function report(name: string, results: readonly Measurement[]): string {
  const of = (side: Measurement['side']): Measurement[] => results.filter((result) => result.side === side);
  const [ours, theirs] = [of('weft'), of('envoy')];
  const rows: [string, (m: Measurement) => number, number][] = [
    ['CPU per request, µs', (m) => m.cpuPerRequest, 1],
    ['requests per second', (m) => m.requestsPerSecond, 0],
    ['p50, ms', (m) => m.p50, 2],
    ['p99, ms', (m) => m.p99, 2],
    ['resident, MB', (m) => m.residentKb / 1024, 0],
  ];
  const table = formatTable(
    [name, 'WEFT', 'ENVOY', 'RATIO'],
    rows.map(([label, value, digits]) => [
      label,
      spread(ours.map(value), digits),
      theirs.length === 0 ? 'not here' : spread(theirs.map(value), digits),
      theirs.length === 0
        ? '-'
        : spread(
            ours.map((m, index) => value(m) / value(theirs[index] ?? m)),
            2,
          ),
    ]),
  );
  const errors = results.reduce((sum, result) => sum + result.errors, 0);
  return errors === 0 ? table : `${table}\n${errors} requests failed`;
}

const program = new Command('bench')
  .description('What a request costs: our sidecar and a real Envoy, interleaved in one run.')
  .argument('[scenario...]', `which of: ${Object.keys(SCENARIOS).join(', ')} (default: all)`)
  .option('--rounds <n>', 'rounds of each side', positive, 5)
  .option('--seconds <n>', 'length of a round', positive, 4)
  .option('--connections <n>', 'connections of the load generator', positive, 32)
  .option('--json <file>', 'write every measurement there')
  .option('--smoke', 'one short round: only prove that every scenario runs')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run bench -- relay\n  npm run bench -- relay --rounds 10 --json relay.json\n\nEnvoy: $ENVOY, or the one that `npm run test:envoy` puts into .venv-envoy.',
  )
  .action(async (names: string[], options: Options) => {
    if (!hasProc) throw new Error('the bench reads processor time from /proc, which this system has not');
    const chosen = (names.length === 0 ? Object.keys(SCENARIOS) : names) as ScenarioName[];
    const all: Record<string, Measurement[]> = {};
    process.stdout.write(`${machineDescription()}\n`);
    for (const name of chosen) {
      const scenario = SCENARIOS[name];
      if (scenario === undefined)
        throw new Error(`no scenario "${name}"; there are: ${Object.keys(SCENARIOS).join(', ')}`);
      const results = await scenario({
        rounds: options.smoke === true ? 1 : options.rounds,
        roundMs: options.smoke === true ? 1000 : options.seconds * 1000,
        connections: options.connections,
        onRound: (m) =>
          process.stderr.write(
            `${m.side}: ${m.cpuPerRequest.toFixed(1)} µs CPU per request, ${m.requestsPerSecond.toFixed(0)} requests/s\n`,
          ),
      });
      all[name] = results;
      process.stdout.write(`${report(name, results)}\n`);
      if (options.smoke === true && results.some((result) => result.errors > 0))
        throw new Error(`${name}: requests failed`);
    }
    if (options.json !== undefined)
      writeFileSync(options.json, `${JSON.stringify({ machine: machineDescription(), results: all }, null, 2)}\n`);
  });

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
