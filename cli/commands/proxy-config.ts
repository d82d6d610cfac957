import { Argument, type Command } from 'commander';
import { getJson } from '../mesh/http.js';
import { defaultStateDirectory } from '../mesh/locate.js';
import { adminUrl, findWorkload } from '../mesh/workloads.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';
import { formatTable } from '../output/table.js';
import * as clusters from '../proxy-config/clusters.js';
import type { ConfigDump, Json } from '../proxy-config/dump.js';
import * as endpoints from '../proxy-config/endpoints.js';
import * as listeners from '../proxy-config/listeners.js';
import * as routes from '../proxy-config/routes.js';
import * as secrets from '../proxy-config/secrets.js';

interface Options {
  readonly output: OutputFormat;
  readonly state: string;
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
  command
    .addArgument(new Argument('<what>', 'which part').choices([...NAMES, 'all']))
    .argument('<workload>', 'name, name.namespace or namespace/name')
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .option('--state <dir>', 'state folder of the control plane', defaultStateDirectory())
    .addHelpText(
      'after',
      '\nExamples:\n  weft proxy-config routes productpage-v1\n  weft proxy-config clusters reviews-v1.default -o json\n  weft proxy-config all ratings-v1',
    )
    .action(async (what: ViewName | 'all', workload: string, options: Options) => {
      const admin = adminUrl(await findWorkload(options.state, workload));
      const dump = await getJson<ConfigDump>(`${admin}/config_dump?include_eds`);
      const live = await getJson<Json>(`${admin}/clusters?format=json`);
      if (what !== 'all') {
        const view = VIEWS[what](dump, live);
        print(options.output, view.data, () => view.table);
        return;
      }
      const views = NAMES.map((name) => [name, VIEWS[name](dump, live)] as const);
      print(options.output, dump, () => views.map(([name, view]) => `== ${name}\n${view.table}`).join('\n\n'));
    });
}
