import { writeFileSync } from 'node:fs';
import { messageOf } from '../../common/runtime/errors.js';
import { findEnvoy } from '../support/envoy.js';
import { describeMachine, formatMachine, nodeVersion } from './machine.js';
import { hasProc } from './proc.js';
import { canPin } from './processes.js';
import type { ResultFile } from './report/results.js';
import { type Result, run } from './run.js';
import type { Programs, Scenario } from './scenario.js';
import { formatFigures } from './table.js';
import { findFortio, prepareNode } from './tools.js';

export interface MeasureOptions {
  readonly rounds: number;
  /** Of a round. */
  readonly seconds: number;
  readonly node: string;
  readonly json?: string;
  readonly smoke?: boolean;
  readonly fortio?: boolean;
}

const SMOKE = { rounds: 1, seconds: 0.2 };

/** Measures every chosen scenario and prints a table for each; throws when one did not run, or a request failed. */
export async function measure(scenarios: readonly Scenario[], options: MeasureOptions): Promise<ResultFile> {
  const programs = programsHere(options);
  prepareNode(programs.node);
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

function programsHere({ node, fortio }: MeasureOptions): Programs {
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
