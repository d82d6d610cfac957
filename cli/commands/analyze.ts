import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { formatFinding } from '../../control-plane/api/finding.js';
import type { Finding } from '../../control-plane/api/object.js';
import { UsageError } from '../command.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';

interface Options {
  readonly output: OutputFormat;
  readonly failureThreshold: Finding['level'];
}

const SEVERITY: Record<Finding['level'], number> = { error: 2, warning: 1, info: 0 };
const LABEL: Record<Finding['level'], string> = { error: 'Error', warning: 'Warning', info: 'Info' };

/** `weft analyze`: what is wrong in a folder of configuration. */
export function configure(command: Command): void {
  command
    .argument('<dir>', 'folder of YAML')
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .addOption(
      new Option('--failure-threshold <level>', 'exit code 1 from this level on')
        .choices(['error', 'warning', 'info'])
        .default('error'),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  weft analyze .weft/demo/config\n  weft analyze ./istio -o json --failure-threshold warning',
    )
    .action(async (dir: string, options: Options) => {
      if (!existsSync(dir)) throw new UsageError(`there is no folder ${dir}`);
      const { readFolder } = await import('../../control-plane/sources/folder/read-folder.js');
      const { analyze } = await import('../../control-plane/analyze/analyze.js');
      const findings = analyze(await readFolder(dir));
      print(options.output, findings, () => describe(findings, dir));
      const worst = Math.max(-1, ...findings.map((finding) => SEVERITY[finding.level]));
      process.exitCode = worst >= SEVERITY[options.failureThreshold] ? 1 : 0;
    });
}

function describe(findings: readonly Finding[], dir: string): string {
  if (findings.length === 0) return `Nothing to say about ${dir}.`;
  const lines = findings.map((finding) => `${formatFinding(finding)} [${LABEL[finding.level]} ${finding.code}]`);
  const of = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  return [...lines, `${of('error')} errors, ${of('warning')} warnings, ${of('info')} infos.`].join('\n');
}
