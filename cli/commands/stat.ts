import type { Command } from 'commander';
import type { Graph } from '../../common/observe/graph.js';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { print } from '../output/print.js';
import { formatTable } from '../output/table.js';
import { askApi, tellNotes } from '../stat/ask.js';
import { neighbours, statView } from '../stat/rows.js';
import { nodesNamed, parseTarget } from '../stat/target.js';
import { outputOptions, show, type WatchOptions } from '../stat/watch.js';

interface Options extends MeshOptions, WatchOptions {
  readonly window: string;
  readonly at?: string;
}

/** `weft stat`: success, rate and latency of what the mesh carries. */
export function configure(command: Command): void {
  outputOptions(meshOptions(command, 'only this namespace'))
    .argument('[what]', 'workloads, services, namespaces, edges; or one: deploy/NAME, svc/NAME, ns/NAME', 'workloads')
    .option('--window <time>', 'what rates are over', '60s')
    .option('--at <time>', 'end of the window: a time, or an age such as -10m')
    .addHelpText(
      'after',
      `
MESHED: proxies that are connected, of all instances. SUCCESS: without 5xx, requests that nobody answered, and gRPC's server
errors. CONNECTIONS: open TCP connections. Numbers come from the sidecars, by way of the control plane, which keeps an hour.
For a workload or service by name, its edges follow. A call that several sidecars report counts once.

Examples:
  weft stat                                  every workload of the mesh
  weft stat deploy/reviews-v1                one, and with whom it talks
  weft stat services -n default -o wide
  weft stat edges --window 5m --at -30m      half an hour ago
  weft stat ns --watch`,
    )
    .action(async (what: string, options: Options) => {
      const target = parseTarget(what);
      const mesh = await openMesh(options);
      const { namespace, window, at, output } = options;
      await show(options, async () => {
        const graph = await askApi<Graph>(mesh, '/api/graph', { window, at, namespace });
        const wide = output === 'wide';
        const view = statView(graph, target, namespace, wide);
        const one = target.name !== undefined && target.level !== 'namespace' && target.level !== 'edge';
        const around = one ? neighbours(graph, nodesNamed(graph, target, namespace), namespace, wide) : undefined;
        tellNotes(graph.notes);
        print(output, around === undefined ? view.data : { nodes: view.data, edges: around.data }, () =>
          [
            formatTable(view.head, view.rows),
            ...(around === undefined || around.rows.length === 0 ? [] : ['', formatTable(around.head, around.rows)]),
          ].join('\n'),
        );
      });
    });
}
