import type { Command } from 'commander';
import type { TlsPair, TlsPairs } from '../../common/observe/tls-pairs.js';
import { askAll, type MeshAccess, openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';
import { formatTable } from '../output/table.js';
import { askApi } from '../stat/ask.js';

/** An answer of `/weft/authn/connections`. */
interface Connections {
  /** ms since the epoch. */
  readonly since: number;
  readonly plaintext: readonly {
    readonly from: string;
    readonly port: number;
    readonly connections: number;
    readonly last: number;
  }[];
}

/** A connected proxy of `/debug/syncz`. */
interface Proxy {
  readonly workload: string;
  readonly namespace: string;
  readonly dataPlane: string;
}

interface Finding {
  readonly workload: string;
  readonly port: number;
  readonly from: string;
  readonly connections: number;
  readonly last: string;
}

interface Report {
  readonly namespace: string;
  /** Workloads whose sidecars told. */
  readonly asked: readonly string[];
  /** Workloads that could not be asked, with the reason. */
  readonly unasked: readonly string[];
  readonly plaintext: readonly Finding[];
}

/** `weft authn`: who speaks mTLS, from real traffic and by the configuration. */
export function configure(command: Command): void {
  configureMigrateCheck(command);
  configureTlsCheck(command);
}

function configureMigrateCheck(command: Command): void {
  const migrate = command
    .command('migrate-check <namespace>')
    .description('list the connections since the sidecars started that STRICT would break');
  meshOptions(migrate)
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      `
Every sidecar of the namespace tells who came without the mesh's TLS since it started. The exit code is 1 where STRICT would
break a connection, or a sidecar could not be asked. Traffic that has not come yet is not known: look again after a day.

Examples:
  weft authn migrate-check bookinfo
  weft authn migrate-check default -o json`,
    )
    .action(async (namespace: string, options: MeshOptions & { readonly output: OutputFormat }) => {
      const report = await migrateCheck(await openMesh(options), namespace);
      print(options.output, report, () => describe(report));
      if (report.plaintext.length > 0 || report.unasked.length > 0) process.exitCode = 1;
    });
}

interface TlsOptions extends MeshOptions {
  readonly from?: string;
  readonly to?: string;
  readonly output: OutputFormat;
}

function configureTlsCheck(command: Command): void {
  const check = command
    .command('tls-check')
    .description('list what every workload speaks with every service that it can call, and why');
  meshOptions(check, 'only pairs of which one end is in this namespace')
    .option('--from <workload>', 'only this client: NAME, NAME.NAMESPACE or NAMESPACE/NAME')
    .option('--to <target>', 'only this service (name or host) or workload')
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      `
It is what the control plane's configuration makes of each pair: mTLS (the mesh's), TLS (the application's own, or as a
DestinationRule says), plaintext, or broken, where the server refuses what the client sends. The exit code is 1 where a pair is
broken. What really came is in "weft edges" and "weft authn migrate-check".

Examples:
  weft authn tls-check
  weft authn tls-check --from productpage-v1 --to reviews
  weft authn tls-check -n bookinfo -o json | jq '.pairs[] | select(.speaks != "mTLS")'`,
    )
    .action(async (options: TlsOptions) => {
      const { from, to, namespace } = options;
      const answer = await askApi<TlsPairs>(await openMesh(options), '/debug/tls', { from, to, namespace });
      print(options.output, answer, () => describePairs(answer.pairs, options));
      if (answer.pairs.some(({ speaks }) => speaks === 'broken')) process.exitCode = 1;
    });
}

function describePairs(pairs: readonly TlsPair[], { from, to, namespace }: TlsOptions): string {
  if (pairs.length === 0) {
    return [from, to, namespace].some((filter) => filter !== undefined)
      ? 'No workload and service are as the filters want them; "weft authn tls-check" alone lists all.'
      : 'The mesh has no workload that could call a service.';
  }
  const rows = pairs.map((pair) => [
    pair.from,
    `${pair.to}:${pair.port}${pair.subset === undefined ? '' : ` (${pair.subset})`}`,
    pair.endpoints.join(', ') || '-',
    pair.speaks,
    pair.because,
  ]);
  return formatTable(['FROM', 'TO', 'ENDPOINTS', 'SPEAKS', 'BECAUSE'], rows);
}

async function migrateCheck(mesh: MeshAccess, namespace: string): Promise<Report> {
  const all = await askAll<Proxy>(mesh, '/debug/syncz', (line) => process.stderr.write(`weft: ${line}\n`));
  const proxies = all.filter((proxy) => proxy.namespace === namespace);
  const asked: string[] = [];
  const unasked: string[] = [];
  const plaintext: Finding[] = [];
  for (const { workload } of proxies) {
    try {
      const proxy = await mesh.proxy(`${workload}.${namespace}`);
      const answer = JSON.parse(await proxy.get('/weft/authn/connections')) as Connections;
      asked.push(workload);
      for (const { from, port, connections, last } of answer.plaintext) {
        plaintext.push({ workload, port, from, connections, last: new Date(last).toISOString() });
      }
    } catch (error) {
      unasked.push(`${workload}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { namespace, asked, unasked, plaintext };
}

function describe({ namespace, asked, unasked, plaintext }: Report): string {
  const lines = unasked.map((one) => `could not be asked: ${one}`);
  if (asked.length === 0 && unasked.length === 0) return `No sidecar is connected in namespace ${namespace}.`;
  if (plaintext.length === 0) {
    const what = `No connection without mTLS came to the ${asked.length} sidecars of ${namespace} since they started.`;
    return [what, ...lines].join('\n');
  }
  const rows = plaintext.map((one) => [one.workload, String(one.port), one.from, String(one.connections), one.last]);
  return [formatTable(['WORKLOAD', 'PORT', 'FROM', 'CONNECTIONS', 'LAST'], rows), ...lines].join('\n');
}
