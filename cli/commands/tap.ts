import { type Command, Option } from 'commander';
import { stringify } from 'yaml';
import type { TappedRequest } from '../../common/observe/failure.js';
import type { Graph } from '../../common/observe/graph.js';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import type { OutputFormat } from '../output/print.js';
import { printable } from '../output/printable.js';
import { askApi, tellNotes } from '../stat/ask.js';
import { formatMs } from '../stat/format.js';
import { isTapped, type TapFilters, tapMesh } from '../stat/tap-mesh.js';
import { nodesNamed, parseTarget } from '../stat/target.js';

interface Options extends MeshOptions, TapFilters {
  readonly output: OutputFormat;
}

/** The conditions that tap and top share. */
export function tapOptions(command: Command): Command {
  return command
    .option('--from <workload>', 'only requests from this workload: NAME or NAMESPACE/NAME')
    .option('--to <workload>', 'only requests to this workload or service')
    .option('--method <method>', 'only this method')
    .option('--path <prefix>', 'only paths that begin so')
    .option('--status <status>', 'only this status: 503, 5xx, or errors');
}

/** `weft tap`: requests as they end. */
export function configure(command: Command): void {
  tapOptions(meshOptions(command))
    .argument('[of]', 'deploy/NAME or svc/NAME; otherwise the whole mesh')
    .option('--rate <number>', 'requests a second of each sidecar at most; the rest is counted', '20')
    .option('--for <seconds>', 'end after so many seconds, 600 at most', '600')
    .addOption(
      new Option('-o, --output <format>', 'one line, or document, a request')
        .choices(['table', 'wide', 'json', 'yaml'])
        .default('table'),
    )
    .addHelpText(
      'after',
      `
Shows who called whom, method, path without its query, status, flags and duration: never headers or bodies. Where MeshConfig's
defaultConfig.proxyMetadata (or a pod's proxy.istio.io/config) says ISTIO_META_WEFT_TAP: "off", sidecars refuse.

Examples:
  weft tap deploy/reviews-v1
  weft tap --to ratings --status 5xx
  weft tap svc/productpage --path /api -o json | jq .durationMs`,
    )
    .action(async (of: string | undefined, options: Options) => {
      const mesh = await openMesh(options);
      const stop = new AbortController();
      process.once('SIGINT', () => stop.abort());
      const nodes = of === undefined ? [''] : await nodesOf(mesh, of, options.namespace);
      await Promise.all(
        nodes.map((node) =>
          tapMesh(mesh, node, options, stop.signal, (line) => {
            if (options.output === 'json') process.stdout.write(`${JSON.stringify(line)}\n`);
            else if (options.output === 'yaml') process.stdout.write(`---\n${stringify(line)}`);
            else if (isTapped(line)) process.stdout.write(`${printable(lineOf(line, options.output === 'wide'))}\n`);
            else
              process.stderr.write(
                `weft: ${line.note ?? `${line.skipped} more of ${line.proxy} were not shown: --rate`}\n`,
              );
          }),
        ),
      );
    });
}

/** Ids of what a user means. */
export async function nodesOf(
  mesh: Parameters<typeof tapMesh>[0],
  of: string,
  namespace: string | undefined,
): Promise<string[]> {
  const graph = await askApi<Graph>(mesh, '/api/graph', { namespace });
  tellNotes(graph.notes);
  return nodesNamed(graph, parseTarget(of), namespace).map(({ id }) => id);
}

function lineOf(request: TappedRequest & { readonly proxy: string }, wide: boolean): string {
  const {
    time,
    method,
    authority,
    path,
    status,
    grpcStatus,
    flags,
    durationMs,
    source,
    destination,
    service,
    protocol,
  } = request;
  const what = protocol === 'tcp' ? 'TCP' : `${method} ${authority}${path}`;
  const result = grpcStatus === undefined ? String(status) : `${status} grpc ${grpcStatus}`;
  const target = destination.workload === 'unknown' ? service || 'unknown' : destination.workload;
  const parts = [
    new Date(time).toISOString().slice(11, 23),
    `${source.workload} → ${target}`,
    what,
    result,
    ...(flags === '-' ? [] : [flags]),
    formatMs(durationMs),
  ];
  if (!wide) return parts.join('  ');
  const { reporter, proxy, route, upstream, details, requestBytes, responseBytes, mtls } = request;
  const more = [
    `${requestBytes}B/${responseBytes}B`,
    mtls ? 'mtls' : 'plaintext',
    route,
    upstream,
    details,
    `${proxy} (${reporter})`,
  ];
  return [...parts, ...more.filter((text) => text !== '')].join('  ');
}
