import { Command, InvalidArgumentError } from 'commander';
import { Campaign, type Found } from './run.js';
import type { Target } from './target.js';
import { TARGETS } from './targets.js';

interface Options {
  readonly seconds: number;
  readonly inputs?: number;
  readonly seed?: number;
  readonly target?: readonly string[];
}

const names = TARGETS.map(({ name }) => name);

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('A number above 0.');
  return value;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('A whole number.');
  return value;
}

function targetName(text: string, others: readonly string[] = []): readonly string[] {
  if (!names.includes(text)) throw new InvalidArgumentError(`There are: ${names.join(', ')}.`);
  return [...others, text];
}

/** Runs all campaigns in turns until time or inputs are used up. Returns what was found. */
async function fuzz(options: Options): Promise<Found[]> {
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  const chosen = TARGETS.filter(({ name }) => options.target?.includes(name) ?? true);
  const campaigns = await start(chosen, seed);
  process.stdout.write(`seed ${seed}, targets ${campaigns.map(({ target }) => target.name).join(', ')}\n`);
  const found: Found[] = [];
  const started = performance.now();
  const end = options.inputs === undefined ? started + options.seconds * 1000 : Number.POSITIVE_INFINITY;
  const limit = options.inputs ?? Number.POSITIVE_INFINITY;
  const busy = new Set(campaigns);
  while (busy.size > 0 && performance.now() < end) {
    for (const campaign of busy) {
      const result = await campaign.batch(limit / campaigns.length - campaign.inputs);
      if (result !== undefined) {
        found.push(result);
        report(result, seed);
      }
      if (result !== undefined || campaign.inputs >= limit / campaigns.length) busy.delete(campaign);
    }
    progress(campaigns, started);
  }
  for (const { target } of campaigns) await target.stop?.();
  summary(campaigns, found, started);
  return found;
}

async function start(chosen: readonly Target[], seed: number): Promise<Campaign[]> {
  const campaigns: Campaign[] = [];
  for (const target of chosen) {
    const missing = await target.start?.();
    if (missing === undefined) campaigns.push(new Campaign(target, seed));
    else process.stdout.write(`${target.name}: left out: ${missing}\n`);
  }
  return campaigns;
}

function report({ target, input, finding }: Found, seed: number): void {
  process.stdout.write(
    `\nFOUND by ${target}, seed ${seed}: ${finding}\n  input ${JSON.stringify(input.toString('latin1'))}\n`,
  );
}

function total(campaigns: readonly Campaign[]): number {
  return campaigns.reduce((sum, { inputs }) => sum + inputs, 0);
}

let shown = 0;

function progress(campaigns: readonly Campaign[], started: number): void {
  if (!process.stderr.isTTY || performance.now() - shown < 200) return;
  shown = performance.now();
  const seconds = (shown - started) / 1000;
  process.stderr.write(`\r${total(campaigns)} inputs, ${Math.round(total(campaigns) / seconds)} a second\x1b[K`);
}

function summary(campaigns: readonly Campaign[], found: readonly Found[], started: number): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const seconds = (performance.now() - started) / 1000;
  for (const { target, inputs } of campaigns) process.stdout.write(`  ${target.name.padEnd(16)} ${inputs} inputs\n`);
  const sum = total(campaigns);
  const rate = Math.round(sum / seconds);
  process.stdout.write(`${sum} inputs in ${seconds.toFixed(1)} s (${rate} a second), ${found.length} findings\n`);
}

const program = new Command('fuzz')
  .description(
    'Gives our parsers inputs that are nearly right, and looks for what others read otherwise, crashes, hangs and leaks.',
  )
  .option('--seconds <n>', 'how long', positive, 10)
  .option('--inputs <n>', 'how many inputs, whatever time they take', positive)
  .option('--seed <n>', 'the same seed makes the same inputs (default: another each time, printed)', whole)
  .option('--target <name>', `one of: ${names.join(', ')}; may be repeated (default: all)`, targetName)
  .addHelpText(
    'after',
    `
Targets:
${TARGETS.map(({ name, about }) => `  ${name.padEnd(16)} ${about}`).join('\n')}

Examples:
  npm run fuzz -- --seconds 60
  npm run fuzz -- --inputs 1000000 --seed 7
  npm run fuzz -- --target http1 --target relay

A finding is made as small as possible, printed as a JSON string, and the exit code is 1. Mend it, add the string to
test/fuzz/corpus, and add a test beside the parser.`,
  )
  .action(async (options: Options) => {
    const found = await fuzz(options);
    process.exit(found.length > 0 ? 1 : 0);
  });

await program.parseAsync();
