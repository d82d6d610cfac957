import { isNotFound, type KubernetesApi, type ObjectMetadata } from '../../control-plane/kubernetes/api.js';
import { pluralOf } from '../../control-plane/sources/kubernetes/resources.js';

/** One object that is to be deleted. */
export interface Target {
  readonly kind: string;
  readonly name: string;
  /** Empty for objects of the cluster. */
  readonly namespace: string;
  readonly path: string;
}

/** An object of the cluster, as much of it as matters here. */
export interface Found {
  readonly metadata?: ObjectMetadata & {
    readonly ownerReferences?: readonly unknown[];
    readonly deletionTimestamp?: string;
  };
  readonly data?: Readonly<Record<string, string>>;
}

export function target(apiVersion: string, kind: string, name: string, namespace = ''): Target {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const folder = namespace === '' ? root : `${root}/namespaces/${encodeURIComponent(namespace)}`;
  return { kind, name, namespace, path: `${folder}/${pluralOf(kind)}/${encodeURIComponent(name)}` };
}

export function titleOf({ kind, name, namespace }: Target): string {
  return namespace === '' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

/** Undefined when it is not there. */
export async function read<T = Found>(api: KubernetesApi, path: string): Promise<T | undefined> {
  try {
    return await api.request<T>({ method: 'GET', path });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Whoever is faster in deleting it does no harm. */
export async function remove(api: KubernetesApi, { path }: Target): Promise<void> {
  try {
    await api.request({ method: 'DELETE', path, query: { propagationPolicy: 'Background' } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
