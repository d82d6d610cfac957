import type { Command } from 'commander';
import { changeInterventions, untilTaken } from '../history/store.js';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';

/** `weft resume`: the data plane follows the objects again. */
export function configure(command: Command): void {
  meshOptions(command, 'not used: the whole mesh follows again')
    .addHelpText(
      'after',
      `
Ends what \`weft rollback\` began: the objects of the cluster or folder are in force again, as they are now.

Examples:
  weft resume
  weft resume --context kind-kind`,
    )
    .action(async (options: MeshOptions) => {
      const mesh = await openMesh(options);
      let was: string | undefined;
      const id = await changeInterventions(options, ({ bypasses, rollback }) => {
        was = rollback?.version;
        return { bypasses };
      });
      await untilTaken(mesh, id);
      const left = was === undefined ? 'It was not rolled back: the' : `Left version ${was}; the`;
      process.stdout.write(`${left} data plane follows the objects.\n`);
    });
}
