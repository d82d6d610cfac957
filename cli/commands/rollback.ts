import type { Command } from 'commander';
import type { Rollback } from '../../control-plane/history/interventions.js';
import { VERSION_PATH } from '../../control-plane/history/pages.js';
import { changeInterventions, untilTaken } from '../history/store.js';
import { differenceLines } from '../history/text.js';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';
import { askApi } from '../stat/ask.js';

interface Options extends MeshOptions {
  readonly output: OutputFormat;
}

/** `weft rollback`: the data plane goes back to an earlier version. */
export function configure(command: Command): void {
  meshOptions(command, 'not used: the whole mesh goes back')
    .argument('<version>', 'as weft history shows it, or the beginning of it')
    .option('-o, --output <format>', 'table, wide, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      `
Routes, policies and settings are those of that version at once, and stay so over restarts, whatever is applied meanwhile, until
\`weft resume\`. Services, workloads, endpoints and Secrets stay live. The objects themselves are not touched: those that differ
are listed, for you to put right.
In a cluster this takes the Role weft-operator of the control plane's namespace (docs/observability.md), and is told in Events.

Examples:
  weft history
  weft rollback 3f1b04a8
  weft rollback 3f1b04a8 --context kind-kind`,
    )
    .action(async (version: string, options: Options) => {
      const mesh = await openMesh(options);
      const found = await askApi<Pick<Rollback, 'version' | 'objects' | 'unreadable'>>(mesh, VERSION_PATH, { version });
      const id = await changeInterventions(options, ({ bypasses }, by) => ({
        bypasses,
        rollback: { ...found, time: Date.now(), by },
      }));
      const state = await untilTaken(mesh, id);
      print(options.output, state, () =>
        [`The data plane is at version ${found.version}.`, ...differenceLines(state.rollback?.differs ?? [])].join(
          '\n',
        ),
      );
    });
}
