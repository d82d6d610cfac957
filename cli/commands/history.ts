import type { Command } from 'commander';
import type { Changes } from '../../common/observe/changes.js';
import type { MeshState } from '../../common/observe/mesh-state.js';
import { UsageError } from '../command.js';
import { historyText } from '../history/text.js';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { print } from '../output/print.js';
import { askApi, tellNotes } from '../stat/ask.js';
import { outputOptions, show, type WatchOptions } from '../stat/watch.js';

interface Options extends MeshOptions, WatchOptions {}

/** `weft history`: the versions of the configuration, and what each changed. */
export function configure(command: Command): void {
  outputOptions(meshOptions(command, 'not used: the mesh has one history'))
    .argument('[version]', 'show what this one changed, as a diff')
    .addHelpText(
      'after',
      `
A star marks the version in force. The control plane keeps the last 200 versions, over restarts too (in its state folder, or in
ConfigMap weft-history); the same objects are the same version.

Examples:
  weft history
  weft history 3f1b04a8c2d1
  weft history --watch
  weft history -o json`,
    )
    .action(async (version: string | undefined, options: Options) => {
      const mesh = await openMesh(options);
      await show(options, async () => {
        const [changes, state] = await Promise.all([
          askApi<Changes>(mesh, '/api/changes', {}),
          askApi<MeshState>(mesh, '/api/state', {}),
        ]);
        tellNotes(changes.notes);
        if (version === undefined) {
          const wide = options.output === 'wide';
          print(options.output, { ...changes, state }, () => historyText(changes, state, wide));
          return;
        }
        const found = changes.versions.find((one) => one.version.startsWith(version));
        if (found === undefined) throw new UsageError(`there is no version ${version}: weft history lists them`);
        print(options.output, found, () =>
          found.objects
            .map(({ kind, namespace, name, change, diff }) => `${kind} ${namespace}/${name} (${change})\n${diff}`)
            .join('\n'),
        );
      });
    });
}
