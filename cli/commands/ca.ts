import type { Command } from 'commander';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { parseDurationOption } from '../output/duration.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';

interface StatusOptions extends MeshOptions {
  readonly output: OutputFormat;
}

interface RotateOptions extends MeshOptions {
  readonly abort?: true;
  readonly wait: boolean;
  readonly timeout: number;
}

/** `weft ca`: roots of the mesh and their rotation. */
export function configure(command: Command): void {
  status(command.command('status').description('roots, who signs, and which proxies have what is new'));
  rotate(command.command('rotate-root').description('replace the root of the mesh without a failed request'));
}

function status(command: Command): void {
  meshOptions(command, 'not used: the whole mesh is shown')
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      `
Exits with 1 when a root ends within 30 days, or an intermediate within 14.

Examples:
  weft ca status
  weft ca status --state ./mesh-state -o json`,
    )
    .action(async (options: StatusOptions) => {
      const [{ openMesh }, { readStatus }, { describeStatus, endingSoon }] = await Promise.all([
        import('../mesh/access.js'),
        import('../ca/read-status.js'),
        import('../ca/describe.js'),
      ]);
      const report = await readStatus(await openMesh(options), (line) => process.stderr.write(`weft: ${line}\n`));
      const now = Date.now();
      print(options.output, report, () => describeStatus(report, now));
      const warnings = endingSoon(report, now);
      for (const text of warnings) process.stderr.write(`weft: ${text}\n`);
      if (warnings.length > 0) process.exitCode = 1;
    });
}

function rotate(command: Command): void {
  meshOptions(command, 'not used: the whole mesh has one root')
    .option('--abort', 'go back to the old root, in the same order')
    .option('--no-wait', 'only ask for it; `weft ca status` shows how far it is')
    .option('--timeout <time>', 'wait no longer; the rotation goes on', parseDurationOption, 30 * 60_000)
    .addHelpText(
      'after',
      `
In three steps, each when every connected proxy has the one before: a new root is trusted everywhere; it signs, and
certificates of the old one are renewed; the old one is dropped. A restart of anything goes on where it was.
A root that you have brought yourself (Secret cacerts) is yours to replace: add the new root to its root-cert.pem, then
let it sign, then take the old one out, each when \`weft ca status\` shows that every proxy has the step before.

Examples:
  weft ca rotate-root
  weft ca rotate-root --context kind-kind --no-wait
  weft ca rotate-root --abort`,
    )
    .action(async (options: RotateOptions) => {
      const { rotateRoot } = await import('../ca/rotate.js');
      await rotateRoot(options, (line) => process.stdout.write(`${line}\n`));
    });
}
