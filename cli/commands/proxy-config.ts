import { Argument, type Command } from 'commander';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';
import { formatTable } from '../output/table.js';
import * as clusters from '../proxy-config/clusters.js';
import type { ConfigDump, Json } from '../proxy-config/dump.js';
import * as endpoints from '../proxy-config/endpoints.js';
import * as listeners from '../proxy-config/listeners.js';
import * as routes from '../proxy-config/routes.js';
import * as secrets from '../proxy-config/secrets.js';

interface Options extends MeshOptions {
  readonly output: OutputFormat;
}

interface View {
  readonly table: string;
  readonly data: unknown;
}

const VIEWS = {
  listeners: (dump: ConfigDump): View => ({
    table: formatTable(listeners.HEAD, listeners.listenerRows(dump)),
    data: listeners.listenerObjects(dump),
  }),
  routes: (dump: ConfigDump): View => ({
    table: formatTable(routes.HEAD, routes.routeRows(dump)),
    data: routes.routeObjects(dump),
  }),
  clusters: (dump: ConfigDump): View => ({
    table: formatTable(clusters.HEAD, clusters.clusterRows(dump)),
    data: clusters.clusterObjects(dump),
  }),
  endpoints: (_dump: ConfigDump, live: Json): View => ({
    table: formatTable(endpoints.HEAD, endpoints.endpointRows(live)),
    data: live,
  }),
  secrets: (dump: ConfigDump): View => ({
    table: formatTable(secrets.HEAD, secrets.secretRows(dump, Date.now())),
    data: secrets.secretObjects(dump),
  }),
} as const;

type ViewName = keyof typeof VIEWS;
const NAMES = Object.keys(VIEWS) as ViewName[];

/** `weft proxy-config`: the configuration that one sidecar runs on, asked on its admin port. */
export function configure(command: Command): void {
  meshOptions(command)
    .addArgument(new Argument('<what>', 'which part').choices([...NAMES, 'all']))
    .argument('<workload>', 'name, name.namespace or namespace/name; in a cluster a pod, or deploy/NAME')
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      `
Asks a sidecar of the mesh that runs here (\`weft demo\`, --state), otherwise one in the cluster of the kubeconfig.

Examples:
  weft proxy-config routes productpage-v1
  weft proxy-config listeners deploy/reviews-v1 -n bookinfo
  weft proxy-config clusters reviews-v1-6b4f8d-x2x4b.default -o json
  weft proxy-config all ratings-v1`,
    )
    .action(async (what: ViewName | 'all', workload: string, options: Options) => {
      const proxy = await (await openMesh(options)).proxy(workload);
      const dump = JSON.parse(await proxy.get('/config_dump?include_eds')) as ConfigDump;
      const live = JSON.parse(await proxy.get('/clusters?format=json')) as Json;
      if (what !== 'all') {
        const view = VIEWS[what](dump, live);
        print(options.output, view.data, () => view.table);
        return;
      }
      const views = NAMES.map((name) => [name, VIEWS[name](dump, live)] as const);
      print(options.output, dump, () => views.map(([name, view]) => `== ${name}\n${view.table}`).join('\n\n'));
    });
}
