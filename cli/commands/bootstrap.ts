import type { Command } from 'commander';
import { WeftError } from '../../common/runtime/errors.js';
import { getText } from '../mesh/http.js';
import { defaultStateDirectory, locateControlPlane } from '../mesh/locate.js';
import { findWorkload } from '../mesh/workloads.js';

/** `weft bootstrap`: the Envoy bootstrap with which our sidecar joins as a workload. */
export function configure(command: Command): void {
  command
    .argument('[workload]', 'name, name.namespace or namespace/name')
    .option('--group <name>', 'WorkloadGroup by which a proxy joins: a workload for as long as it is connected')
    .option('--address <ip>', 'with --group: address of the application and its proxy', '127.0.0.1')
    .option('--state <dir>', 'state folder of the control plane', defaultStateDirectory())
    .addHelpText(
      'after',
      '\nThe token that it needs is written beside the state and renewed by the control plane; the bootstrap names its path.\n\nExamples:\n  weft bootstrap reviews-v1 > reviews.json && weft proxy -c reviews.json\n  weft bootstrap --group default/reviews --address 127.0.0.9 > vm.json && weft proxy -c vm.json',
    )
    .action(async (name: string | undefined, options: Options) => {
      const { debugUrl } = locateControlPlane(options.state);
      const query = new URLSearchParams(await questionOf(name, options));
      const text = await getText(`${debugUrl}/debug/bootstrap?${query.toString()}`);
      process.stdout.write(`${JSON.stringify(JSON.parse(text), null, 2)}\n`);
    });
}

interface Options {
  readonly state: string;
  readonly group?: string;
  readonly address: string;
}

async function questionOf(
  name: string | undefined,
  { state, group, address }: Options,
): Promise<Record<string, string>> {
  if (group !== undefined) return { group: group.includes('/') ? group : `default/${group}`, address };
  if (name === undefined) throw new WeftError('name a workload, or --group', { source: 'cli', retryable: false });
  const workload = await findWorkload(state, name);
  return { workload: `${workload.namespace}/${workload.name}` };
}
