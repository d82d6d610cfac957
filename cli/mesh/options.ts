import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { ConnectOptions } from '../../control-plane/kubernetes/client.js';
import { UsageError } from '../command.js';
import { defaultStateDirectory } from './locate.js';

/** Which cluster to ask: the options that every command has which does. */
export interface ClusterOptions extends ConnectOptions {
  readonly namespace?: string;
  readonly rootNamespace: string;
}

/** Which mesh to ask: one on this machine, or one in a cluster. */
export interface MeshOptions extends ClusterOptions {
  readonly state?: string;
}

/** Adds `--kubeconfig`, `--context`, `-n` and `-i` to a command. */
export function clusterOptions(command: Command, namespaceHelp: string): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig; otherwise KUBECONFIG or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig; otherwise its current one')
    .option('-n, --namespace <name>', namespaceHelp)
    .option('-i, --root-namespace <name>', 'namespace of the control plane', 'istio-system');
}

/** The same, and `--state` for a mesh on this machine. */
export function meshOptions(command: Command, namespaceHelp = "namespace; otherwise the context's"): Command {
  return clusterOptions(
    command.option('--state <dir>', 'state folder of a control plane on this machine, instead of a cluster'),
    namespaceHelp,
  );
}

/**
 * The state folder of the mesh that is meant, or undefined for a cluster: what is named counts, then a control plane that
 * runs here (`weft demo`). Throws a UsageError when both are named.
 */
export function localState(options: MeshOptions): string | undefined {
  const { state, kubeconfig, context } = options;
  const cluster = kubeconfig !== undefined || context !== undefined;
  if (state !== undefined) {
    if (cluster)
      throw new UsageError('--state names a mesh on this machine, --kubeconfig and --context one in a cluster');
    return state;
  }
  if (cluster) return undefined;
  const usual = defaultStateDirectory();
  return existsSync(join(resolve(usual), 'control-plane.json')) ? usual : undefined;
}
