import type { Command } from 'commander';
import { getText } from '../mesh/http.js';
import { defaultStateDirectory, locateControlPlane } from '../mesh/locate.js';
import { findWorkload } from '../mesh/workloads.js';

/** `weft bootstrap`: the Envoy bootstrap with which our sidecar joins as a workload. */
export function configure(command: Command): void {
  command
    .argument('<workload>', 'name, name.namespace or namespace/name')
    .option('--state <dir>', 'state folder of the control plane', defaultStateDirectory())
    .addHelpText(
      'after',
      '\nThe token that it needs is written beside the state and renewed by the control plane; the bootstrap names its path.\n\nExample:\n  weft bootstrap reviews-v1 > reviews.json && weft proxy -c reviews.json',
    )
    .action(async (name: string, options: { state: string }) => {
      const workload = await findWorkload(options.state, name);
      const { debugUrl } = locateControlPlane(options.state);
      const text = await getText(
        `${debugUrl}/debug/bootstrap?workload=${encodeURIComponent(`${workload.namespace}/${workload.name}`)}`,
      );
      process.stdout.write(`${JSON.stringify(JSON.parse(text), null, 2)}\n`);
    });
}
