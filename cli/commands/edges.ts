import type { Command } from 'commander';
import type { Graph, GraphEdge } from '../../common/observe/graph.js';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { print } from '../output/print.js';
import { formatTable } from '../output/table.js';
import { askApi, tellNotes } from '../stat/ask.js';
import { formatNode, formatRate } from '../stat/format.js';
import { edgesOf, nodesNamed, parseTarget } from '../stat/target.js';
import { outputOptions, show, type WatchOptions } from '../stat/watch.js';

interface Options extends MeshOptions, WatchOptions {
  readonly window: string;
}

/** `weft edges`: who talks to whom, and by which identities. */
export function configure(command: Command): void {
  outputOptions(meshOptions(command, 'only what touches this namespace'))
    .argument('[of]', 'only the edges of deploy/NAME or svc/NAME')
    .option('--window <time>', 'traffic of the last so long', '5m')
    .addHelpText(
      'after',
      `
SECURED: mtls, plaintext, mixed (both, as while mTLS is being switched on), or unknown (nothing got through).

Examples:
  weft edges
  weft edges deploy/reviews-v1 -o wide
  weft edges -n default -o json | jq '.[] | select(.security.kind != "mtls")'`,
    )
    .action(async (of: string | undefined, options: Options) => {
      const mesh = await openMesh(options);
      const { namespace, window, output } = options;
      await show(options, async () => {
        const graph = await askApi<Graph>(mesh, '/api/graph', { window, namespace });
        const edges = of === undefined ? graph.edges : edgesOf(graph, nodesNamed(graph, parseTarget(of), namespace));
        tellNotes(graph.notes);
        print(output, edges, () => table(edges, namespace, output === 'wide'));
      });
    });
}

function table(edges: readonly GraphEdge[], namespace: string | undefined, wide: boolean): string {
  if (edges.length === 0) return 'Nobody talked to anybody.';
  const rows = edges.map(({ source, destination, service, protocol, security, golden, reporter }) => [
    formatNode(source, namespace),
    formatNode(destination, namespace),
    security.kind,
    security.sourceIdentity || '-',
    security.destinationIdentity || '-',
    ...(wide
      ? [service === '' ? '-' : formatNode(service), protocol, formatRate(golden.requestsPerSecond), reporter]
      : []),
  ]);
  const more = wide ? ['SERVICE', 'PROTOCOL', 'RPS', 'REPORTED BY'] : [];
  return formatTable(['SOURCE', 'DESTINATION', 'SECURED', 'CLIENT', 'SERVER', ...more], rows);
}
