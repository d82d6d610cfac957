import type { Command } from 'commander';
import type { Graph } from '../../common/observe/graph.js';
import type { RouteStats } from '../../common/observe/routes.js';
import { UsageError } from '../command.js';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { parseDurationOption } from '../output/duration.js';
import { print } from '../output/print.js';
import { formatTable } from '../output/table.js';
import { askApi, askSlowly, tellNotes } from '../stat/ask.js';
import { neighbours, routeView, statView } from '../stat/rows.js';
import { nodesNamed, parseTarget, type Target } from '../stat/target.js';
import { outputOptions, show, type WatchOptions } from '../stat/watch.js';

interface Options extends MeshOptions, WatchOptions {
  readonly window?: string;
  readonly at?: string;
}

/** `weft stat`: success, rate and latency of what the mesh carries. */
export function configure(command: Command): void {
  outputOptions(meshOptions(command, 'only this namespace'))
    .argument(
      '[what]',
      'workloads, services, namespaces, routes, edges; or one: deploy/NAME, svc/NAME, ns/NAME, route/NAME',
      'workloads',
    )
    .option('--window <time>', 'what rates are over (default: 60s; 10s for routes)')
    .option('--at <time>', 'end of the window: a time, or an age such as -10m')
    .addHelpText(
      'after',
      `
MESHED: proxies that are connected, of all instances. SUCCESS: without 5xx, requests that nobody answered, and gRPC's server
errors. CONNECTIONS, of workloads and namespaces: connections to them that are open now, HTTP and TCP alike (to a gateway, its
clients'); - where no sidecar tells, and with --at. Of services, routes and edges: open TCP connections.
Numbers come from the sidecars, by way of the control plane, which keeps an hour. For a workload or service by name, its edges
follow. A call that several sidecars report counts once. Routes are counted while the command waits, for as long as --window says
(60s at most): a route is chosen by the client's sidecar, which names it as the VirtualService does. route/NAME is a route's name, or a service's for all routes to it.

Examples:
  weft stat                                  every workload of the mesh
  weft stat deploy/reviews-v1                one, and with whom it talks
  weft stat services -n default -o wide
  weft stat edges --window 5m --at -30m      half an hour ago
  weft stat routes --window 5s
  weft stat route/reviews -o json            all routes to the service reviews
  weft stat ns --watch`,
    )
    .action(async (what: string, options: Options) => {
      const target = parseTarget(what);
      const { namespace, window, at, output } = options;
      if (target.level === 'route') return statRoutes(target, options);
      const mesh = await openMesh(options);
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

const ROUTES_MS = { usual: 10_000, most: 60_000 };

async function statRoutes({ name }: Target, options: Options): Promise<void> {
  const { namespace, window, at, output } = options;
  if (at !== undefined) throw new UsageError('routes are counted while you wait: there is no --at for them');
  const ms = window === undefined ? ROUTES_MS.usual : parseDurationOption(window);
  if (ms < 1000 || ms > ROUTES_MS.most) throw new UsageError('routes are counted for 1s to 60s: say --window 5s');
  const mesh = await openMesh(options);
  await show(options, async () => {
    const seconds = String(Math.round(ms / 1000));
    const { routes, notes } = await askSlowly<RouteStats>(mesh, '/api/routes', { seconds, namespace });
    const view = routeView(routes, name, output === 'wide');
    tellNotes(notes);
    const nothing = `No request by ${name === undefined ? 'any route' : `a route or to a service named ${name}`} in ${seconds} s.`;
    print(output, view.data, () => (view.rows.length === 0 ? nothing : formatTable(view.head, view.rows)));
  });
}
