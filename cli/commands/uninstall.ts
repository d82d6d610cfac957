import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { UsageError } from '../command.js';
import { type ClusterOptions, clusterOptions } from '../mesh/options.js';
import { parseDurationOption } from '../output/duration.js';
import { printable } from '../output/printable.js';
import type { Plan } from '../uninstall/plan.js';
import { titleOf } from '../uninstall/target.js';

interface Options extends ClusterOptions {
  readonly yes: boolean;
  readonly purge: boolean;
  readonly dryRun: boolean;
  readonly timeout: number;
}

/** `weft uninstall`: takes away what `weft install` made and the control plane has written. */
export function configure(command: Command): void {
  clusterOptions(command, 'not used: Weft is in --root-namespace')
    .option('-y, --yes', 'do not ask', false)
    .option('--purge', "also the definitions of Istio's API, and with them all VirtualServices and the like", false)
    .option('--dry-run', 'only show what would be deleted', false)
    .option('--timeout <time>', 'how long to wait for what ends by itself', parseDurationOption, 60_000)
    .addHelpText(
      'after',
      `
Webhooks go first, so that nothing is blocked; then what runs, then what it has written: the trust bundle in every namespace,
the mesh's root, the leader's Lease. Definitions and the objects of Istio's API stay unless --purge. A Secret cacerts is yours
and stays. Pods keep their sidecars until they are restarted; which ones is said at the end.

Examples:
  weft uninstall
  weft uninstall --purge --yes --context kind-kind`,
    )
    .action(async (options: Options) => {
      const { explained, openCluster, reach } = await import('../mesh/cluster.js');
      const { isEmpty, planUninstall } = await import('../uninstall/plan.js');
      const { runUninstall } = await import('../uninstall/run.js');
      const cluster = await openCluster(options);
      await reach(cluster);
      const say = (line: string): void => void process.stdout.write(`${printable(line)}\n`);
      try {
        const plan = await planUninstall(cluster, options.purge);
        say(describe(plan, cluster.title, options.purge));
        if (isEmpty(plan) || options.dryRun) return;
        if (!options.yes && !(await confirmed())) {
          say('Nothing was deleted.');
          process.exitCode = 1;
          return;
        }
        const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
        const complete = await runUninstall(cluster, plan, { timeoutMs: options.timeout, say, now: Date.now, pause });
        say(afterwards(plan));
        process.exitCode = complete ? 0 : 1;
      } catch (error) {
        throw explained(error, cluster.title);
      }
    });
}

function describe(plan: Plan, title: string, purge: boolean): string {
  const { webhooks, workloads, others, definitions, namespace, kept } = plan;
  const going = [...webhooks, ...workloads, ...others].map(titleOf);
  const lost = definitions.map(
    ({ target, objects }) =>
      `${titleOf(target)}${objects === 0 ? '' : `, and ${objects} ${objects === 1 ? 'object' : 'objects'} of it`}`,
  );
  const all = [...going, ...lost, ...(namespace === undefined ? [] : [`${titleOf(namespace)}, unless others use it`])];
  const list = (items: readonly string[]): string => items.map((item) => `  ${item}`).join('\n');
  const parts = [
    all.length === 0 ? `There is nothing of Weft in ${title}.` : `To be deleted from ${title}:\n${list(all)}`,
    ...(kept.length === 0 ? [] : [`Stays:\n${list(kept)}`]),
  ];
  if (!purge && all.length > 0)
    parts.push("The definitions of Istio's API and their objects stay (--purge takes them).");
  return parts.join('\n');
}

async function confirmed(): Promise<boolean> {
  if (process.stdin.isTTY !== true) throw new UsageError('there is no terminal to ask on: say --yes, or --dry-run');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question('Delete all of this? [y/N] ')).trim());
  } finally {
    terminal.close();
  }
}

/** Who still carries a sidecar, and how to be rid of it. */
function afterwards({ sidecars }: Plan): string {
  if (sidecars.length === 0) return 'Weft is gone. No pod carries a sidecar.';
  const namespaces = [...new Set(sidecars.map((pod) => pod.slice(0, pod.indexOf('/'))))].sort();
  const lines = namespaces.map((namespace) => {
    const pods = sidecars.filter((pod) => pod.startsWith(`${namespace}/`)).length;
    return `  ${namespace} (${pods} ${pods === 1 ? 'pod' : 'pods'}): kubectl label namespace ${namespace} istio-injection- istio.io/rev- && kubectl rollout restart deployment,statefulset,daemonset -n ${namespace}`;
  });
  return [
    'Weft is gone. These still carry a sidecar, which works until its certificate ends; new pods get none:',
    ...lines,
  ].join('\n');
}
