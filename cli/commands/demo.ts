import { type Command, InvalidArgumentError } from 'commander';
import { UsageError } from '../command.js';
import { parseDurationOption } from '../output/duration.js';
import { existingFolder } from '../output/folder.js';

interface Options {
  readonly config?: string;
  readonly home: string;
  readonly duration?: number;
  readonly rps: number;
  readonly json?: boolean;
  readonly certTtl?: number;
}

function rate(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 2000)) throw new InvalidArgumentError('A number of visits per second from 0 to 2000.');
  return value;
}

function certificateLifetime(text: string): number {
  const ms = parseDurationOption(text);
  if (ms < 10_000 || ms > 86_400_000) throw new InvalidArgumentError('A certificate lives from 10s to 24h.');
  return ms;
}

/** `weft demo`: the whole mesh on this machine. */
export function configure(command: Command): void {
  command
    .argument('[stray...]')
    .option('--config <dir>', 'folder of YAML to run instead of the sample', existingFolder)
    .option('--home <dir>', 'where the sample’s folder and the state are kept', '.weft/demo')
    .option(
      '--duration <time>',
      'end by itself after this time (20s, 2m); exit code 0 only if nothing failed unasked',
      parseDurationOption,
    )
    .option('--rps <number>', 'visits of the product page per second', rate, 20)
    .option('--json', 'print one JSON object a second')
    .option('--cert-ttl <time>', 'lifetime of workload certificates, 10s to 24h (default: 24h)', certificateLifetime)
    .usage('[options]')
    .addHelpText(
      'after',
      '\nA WorkloadEntry at an address that is none of this machine’s is configured, but nothing is started for it.\n\nExamples:\n  npm start                              the sample, until Ctrl-C\n  npm start -- --duration 20s            for twenty seconds\n  weft demo --config ./my-istio-yaml     somebody else’s configuration\n  weft demo --json --duration 10s | jq .requests',
    )
    .action(async (stray: string[], options: Options) => {
      if (stray.length > 0) {
        throw new UsageError(
          `unexpected "${stray.join(' ')}". npm keeps flags for itself unless they follow two dashes: npm start -- --duration ${/^\d/.test(stray[0] ?? '') ? stray[0] : '20s'}`,
        );
      }
      const { runDemo } = await import('../demo/run.js');
      process.exitCode = await runDemo({
        ...(options.config === undefined ? {} : { configFolder: options.config }),
        home: options.home,
        durationMs: options.duration,
        visitsPerSecond: options.rps,
        screen: options.json === true ? 'json' : process.stdout.isTTY ? 'terminal' : 'lines',
        certTtlSeconds: Math.round((options.certTtl ?? 86_400_000) / 1000),
      });
    });
}
