import type { Command } from 'commander';
import { count, formatSection, type Section } from '../check/report.js';
import { type ClusterOptions, clusterOptions } from '../mesh/options.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';

interface Options extends ClusterOptions {
  readonly output: OutputFormat;
  readonly before: boolean;
}

/** `weft check`: whether a cluster is ready for Weft, or Weft is well in it. */
export function configure(command: Command): void {
  clusterOptions(command, 'not used: the whole cluster is looked at')
    .option('--before', 'look at what installing needs, even if Weft is there', false)
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      `
Before installing: the cluster, your rights, and what is in the way. Afterwards: the control plane, webhooks, certificates,
proxies, injection and configuration. Nothing is changed. ✓ is fine, ‼ wants a look, ✗ is broken: then the exit code is 1.

Examples:
  weft check
  weft check --context kind-kind -o json`,
    )
    .action(async (options: Options) => {
      const { explained, openCluster, reach } = await import('../mesh/cluster.js');
      const { Facts } = await import('../check/facts.js');
      const { check, INSTALL } = await import('../check/run.js');
      const cluster = await openCluster(options);
      await reach(cluster);
      const facts = new Facts(cluster);
      const there = await isThere(facts).catch((error: unknown) => {
        throw explained(error, cluster.title);
      });
      const installed = there && !options.before;
      const show = options.output === 'table';
      const colour = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
      const progress = show ? new Progress() : undefined;
      const sections: Section[] = [];
      for await (const section of check(facts, installed, Date.now, (title) => progress?.show(`${title} …`))) {
        progress?.clear();
        sections.push(section);
        if (show) process.stdout.write(`${formatSection(section, colour)}\n\n`);
      }
      const errors = count(sections, 'error');
      if (show) process.stdout.write(`${verdict(errors, count(sections, 'warning'), installed, INSTALL)}\n`);
      else print(options.output, { installed, errors, warnings: count(sections, 'warning'), sections }, () => '');
      process.exitCode = errors > 0 ? 1 : 0;
    });
}

async function isThere(facts: InstanceType<typeof import('../check/facts.js')['Facts']>): Promise<boolean> {
  if ((await facts.controlPlane()) !== undefined) return true;
  const injectors = await facts.injectors().catch(() => []);
  return injectors.some(({ metadata }) => metadata?.name === 'weft-injector');
}

function verdict(errors: number, warnings: number, installed: boolean, install: string): string {
  const counted = `${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}.`;
  if (errors > 0) return counted;
  return installed ? `Weft is well: ${counted}` : `Ready to install (${install}): ${counted}`;
}

/** One line on a terminal that says what is looked at, and vanishes. */
class Progress {
  show(text: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}
