import type { Command } from 'commander';
import { askAll, openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';
import { formatTable } from '../output/table.js';

/** One connected proxy, as `/debug/syncz` lists it. */
export interface ProxySync {
  readonly id: string;
  readonly namespace: string;
  readonly workload: string;
  readonly dataPlane: string;
  readonly version?: string;
  readonly connectedAt: string;
  readonly types: Readonly<Record<string, TypeSync>>;
}

interface TypeSync {
  readonly status: string;
  readonly resources: number;
  readonly lastNack?: Nack;
}

export interface Nack {
  /** Names of what was refused, with commas between them. */
  readonly resource?: string;
  readonly reason: string;
}

const COLUMNS = ['CDS', 'LDS', 'EDS', 'RDS', 'SDS'] as const;

/** `weft proxy-status`: which configuration every sidecar has acknowledged. */
export function configure(command: Command): void {
  meshOptions(command, 'only the proxies of this namespace')
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      `
Asks the mesh that runs here (\`weft demo\`, --state), otherwise every control plane in the cluster of the kubeconfig.
SYNCED: acknowledged. STALE: sent and not acknowledged yet. NACKED: refused, with the reason below. NOT SENT: nothing to send.

Examples:
  weft proxy-status
  weft proxy-status -n bookinfo --context kind-kind -o json`,
    )
    .action(async (options: MeshOptions & { readonly output: OutputFormat }) => {
      const mesh = await openMesh(options);
      const all = await askAll<ProxySync>(mesh, '/debug/syncz', (line) => process.stderr.write(`weft: ${line}\n`));
      const { namespace } = options;
      const proxies = namespace === undefined ? all : all.filter((proxy) => proxy.namespace === namespace);
      print(options.output, proxies, () => describe(proxies));
    });
}

function describe(proxies: readonly ProxySync[]): string {
  if (proxies.length === 0) return 'No proxy is connected.';
  const rows = proxies
    .map((proxy) => [
      `${proxy.workload}.${proxy.namespace}`,
      proxy.dataPlane,
      ...COLUMNS.map((type) => proxy.types[type]?.status ?? '-'),
      proxy.connectedAt,
    ])
    .sort((a, b) => (a[0] ?? '').localeCompare(b[0] ?? ''));
  const nacks = proxies.flatMap((proxy) =>
    Object.entries(proxy.types).flatMap(([type, { lastNack }]) =>
      lastNack === undefined ? [] : [`${proxy.workload}.${proxy.namespace} refused ${refusal(type, lastNack)}`],
    ),
  );
  return [formatTable(['NAME', 'PROXY', ...COLUMNS, 'CONNECTED'], rows), ...nacks].join('\n');
}

/** What was refused and why, each name once: most reasons have them already. */
export function refusal(type: string, { resource, reason }: Nack): string {
  const missing = resource?.split(', ').filter((name) => !reason.includes(name)) ?? [];
  return `${[type, missing.join(', ')].filter((part) => part !== '').join(' ')}: ${reason}`;
}
