import type { Command } from 'commander';
import { UsageError } from '../command.js';
import { defaultStateDirectory } from '../mesh/locate.js';

interface Options {
  readonly state: string;
  readonly envoy?: string;
  readonly pod?: true;
}

/** `weft agent`: what a real Envoy cannot do by itself: hold the key, ask for certificates, carry the token. */
export function configure(command: Command): void {
  command
    .argument('[workload]', 'name, name.namespace or namespace/name')
    .option('--state <dir>', 'state folder of the control plane', defaultStateDirectory())
    .option('--envoy <program>', 'start this Envoy on the bootstrap, and end with it')
    .option('--pod', 'in the sidecar’s place of the pod that this runs in, with its side ports')
    .addHelpText(
      'after',
      '\nExamples:\n  weft agent reviews-v2 --envoy /usr/bin/envoy\n  weft agent reviews-v2      prints where the bootstrap is; start Envoy on it yourself\n  weft agent --pod --envoy /usr/local/bin/envoy',
    )
    .action(async (workload: string | undefined, options: Options) => {
      if (options.pod === true) {
        if (workload !== undefined || options.envoy === undefined)
          throw new UsageError('--pod takes --envoy PROGRAM and no workload: the pod says which one it is');
        const { runPodAgent } = await import('../agent/pod-agent.js');
        await runPodAgent(options.envoy);
        return;
      }
      if (workload === undefined) throw new UsageError('name a workload, or --pod');
      const { runAgent } = await import('../agent/run.js');
      await runAgent({ workload, stateDirectory: options.state, envoy: options.envoy });
    });
}
