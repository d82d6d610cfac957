import type { Command } from 'commander';
import { defaultStateDirectory } from '../mesh/locate.js';

interface Options {
  readonly state: string;
  readonly envoy?: string;
}

/** `weft agent`: what a real Envoy cannot do by itself: hold the key, ask for certificates, carry the token. */
export function configure(command: Command): void {
  command
    .argument('<workload>', 'name, name.namespace or namespace/name')
    .option('--state <dir>', 'state folder of the control plane', defaultStateDirectory())
    .option('--envoy <program>', 'start this Envoy on the bootstrap, and end with it')
    .addHelpText(
      'after',
      '\nExamples:\n  weft agent reviews-v2 --envoy /usr/bin/envoy\n  weft agent reviews-v2      prints where the bootstrap is; start Envoy on it yourself',
    )
    .action(async (workload: string, options: Options) => {
      const { runAgent } = await import('../agent/run.js');
      await runAgent({ workload, stateDirectory: options.state, envoy: options.envoy });
    });
}
