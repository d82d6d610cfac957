import type { Command } from 'commander';
import { changeInterventions, untilTaken } from '../history/store.js';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';

interface Options extends MeshOptions {
  readonly output: OutputFormat;
}

/** `weft resume`: the data plane follows the objects again. */
export function configure(command: Command): void {
  meshOptions(command, 'not used: the whole mesh follows again')
    .option('-o, --output <format>', 'table, wide, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      `
Ends what \`weft rollback\` began: the objects of the cluster or folder are in force again, as they are now.

Examples:
  weft resume
  weft resume --context kind-kind`,
    )
    .action(async (options: Options) => {
      const mesh = await openMesh(options);
      let was: string | undefined;
      const id = await changeInterventions(options, ({ bypasses, rollback }) => {
        was = rollback?.version;
        return { bypasses };
      });
      const state = await untilTaken(mesh, id);
      const left = was === undefined ? 'It was not rolled back: the' : `Left version ${was}; the`;
      print(options.output, state, () => `${left} data plane follows the objects.`);
    });
}
