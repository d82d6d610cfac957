import { type Command, InvalidArgumentError } from 'commander';
import { messageOf } from '../../common/runtime/errors.js';
import { UsageError } from '../command.js';
import { openInBrowser } from '../dashboard/open.js';
import { locateControlPlane } from '../mesh/locate.js';
import { localState, type MeshOptions, meshOptions } from '../mesh/options.js';

interface Options extends MeshOptions {
  readonly port?: number;
  readonly open: boolean;
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535; 0 takes a free one.');
  return value;
}

/** `weft dashboard`: the mesh in the browser. */
export function configure(command: Command): void {
  meshOptions(command)
    .option('-p, --port <port>', 'port on this machine, for a cluster (default: a free one)', port)
    .option('--no-open', 'only print the address')
    .addHelpText(
      'after',
      `
Shows who talks to whom, how well, how it is secured, and what the configuration has to do with it. The page comes from the
control plane: of the mesh that runs here (\`weft demo\`, --state), otherwise of the cluster of the kubeconfig, through a
port-forward with your own rights that lasts until Ctrl-C.

Examples:
  weft dashboard
  weft dashboard --context kind-kind --port 8080 --no-open`,
    )
    .action(async (options: Options) => {
      const state = localState(options);
      if (state !== undefined) await show(`${locateControlPlane(state).debugUrl}/dashboard/`, options);
      else await forwardFromCluster(options);
    });
}

async function show(url: string, { open }: Options): Promise<void> {
  process.stdout.write(`${url}\n`);
  if (open && !(await openInBrowser(url)))
    process.stderr.write('weft: no browser could be started: open the address yourself\n');
}

async function forwardFromCluster(options: Options): Promise<void> {
  const { openCluster } = await import('../mesh/cluster.js');
  const { controlPlanePort } = await import('../mesh/cluster-mesh.js');
  const { openTunnel } = await import('../mesh/port-forward.js');
  const { forwardLocally } = await import('../dashboard/forward.js');
  const cluster = await openCluster(options);
  // Asked now, so that a cluster without Weft is told at once.
  await controlPlanePort(cluster);
  const forward = await forwardLocally(
    options.port ?? 0,
    // Replicas come and go: each connection finds one that runs.
    async () => openTunnel(cluster.api.config, await controlPlanePort(cluster)),
    (message) => process.stderr.write(`weft: ${message}\n`),
  ).catch((error: unknown) => {
    throw new UsageError(`port ${options.port ?? 0} cannot be used: ${messageOf(error)}. Name another with --port`);
  });
  await show(`http://127.0.0.1:${forward.port}/dashboard/`, options);
  process.stderr.write('weft: forwarding until Ctrl-C\n');
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  forward.stop();
}
