import { ApiError, type KubernetesApi } from '../../control-plane/kubernetes/api.js';
import { connectToKubernetes, type KubernetesClient } from '../../control-plane/kubernetes/client.js';
import { UsageError } from '../command.js';
import type { ClusterOptions } from './options.js';

/** A cluster, as the user's kubeconfig gives it. */
export interface Cluster {
  readonly api: KubernetesClient;
  /** What the user asked for, or the context's. */
  readonly namespace: string;
  readonly rootNamespace: string;
  /** For messages: `context kind-kind (https://127.0.0.1:6443)`. */
  readonly title: string;
}

/** Throws a UsageError that says what to do when there is no kubeconfig; nothing is asked of the cluster yet. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  let api: KubernetesClient;
  try {
    api = await connectToKubernetes('weft', options);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const { config } = api;
  const server = config.getCurrentCluster()?.server;
  // What the library makes up where there is no kubeconfig.
  if (server === undefined || (config.currentContext === 'loaded-context' && server === 'http://localhost:8080')) {
    throw new UsageError(
      'there is no kubeconfig: set KUBECONFIG or --kubeconfig FILE; for a mesh on this machine, start `weft demo` here or name its folder with --state DIR',
    );
  }
  const namespace = options.namespace ?? config.getContextObject(config.currentContext)?.namespace ?? 'default';
  const title = `context ${config.currentContext} (${server})`;
  return { api, namespace, rootNamespace: options.rootNamespace, title };
}

/** Throws an Error that says so when nobody answers. */
export async function reach({ api, title }: Pick<Cluster, 'api' | 'title'>): Promise<string> {
  try {
    const { gitVersion } = await api.request<{ readonly gitVersion?: string }>({ method: 'GET', path: '/version' });
    return gitVersion ?? 'unknown';
  } catch (error) {
    throw explained(error, title);
  }
}

/** A failed call as its user understands it: nobody there, nobody known, or no right. */
export function explained(error: unknown, title: string): Error {
  if (!(error instanceof ApiError)) return error instanceof Error ? error : new Error(String(error));
  if (error.status === 0) return new Error(`the cluster of ${title} does not answer: ${error.message}`);
  if (error.status === 401)
    return new Error(`the cluster of ${title} does not know you: log in again (${error.message})`);
  if (error.status === 403) return new Error(`you have no right to do that: ${error.message}`);
  return error;
}

interface List<T> {
  readonly items?: readonly T[];
  readonly metadata?: { readonly continue?: string };
}

const PAGE = '500';

/** All objects of a collection, in pages. */
export async function listAll<T>(
  api: KubernetesApi,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<T[]> {
  const items: T[] = [];
  let next = '';
  do {
    const page = await api.request<List<T>>({
      method: 'GET',
      path,
      query: { ...query, limit: PAGE, ...(next === '' ? {} : { continue: next }) },
      timeoutMs: 30_000,
    });
    items.push(...(page.items ?? []));
    next = page.metadata?.continue ?? '';
  } while (next !== '');
  return items;
}
