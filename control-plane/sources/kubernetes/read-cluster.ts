import { type ConfigObject, type Finding, type ObjectKey, objectKey } from '../../api/object.js';
import { ApiError, type KubernetesApi, type KubernetesObject } from '../../kubernetes/api.js';
import { type RawObject, type Resource, resourceName, resourcePath } from '../../kubernetes/resource.js';
import { isPolicyKind } from '../last-good.js';
import type { ConfigSet } from '../source.js';
import { ObjectStore } from './object-store.js';
import { watchedResources } from './resources.js';

export interface ReadClusterOptions {
  readonly rootNamespace: string;
  /** Where to look for what may not be read in the whole cluster. */
  readonly namespaces: readonly string[];
}

/** What a cluster holds now, as far as the caller may read it. */
export interface ClusterReading {
  readonly set: ConfigSet;
  /** What could not be read, or only in some namespaces: one line each. */
  readonly gaps: readonly string[];
}

const PAGE = '500';

/**
 * Reads every kind of the mesh once, with the caller's own rights. A kind that is not defined is as if there were no objects
 * of it. Rejects with an {@link ApiError} when the API server does not answer.
 */
export async function readCluster(api: KubernetesApi, options: ReadClusterOptions): Promise<ClusterReading> {
  const reads = await Promise.all(
    watchedResources(options.rootNamespace).map((resource) => readResource(api, resource, options)),
  );
  const objects = new Map<ObjectKey, ConfigObject>();
  const findings: Finding[] = [];
  const unreadablePolicies: ConfigSet['unreadablePolicies'][number][] = [];
  for (const { store } of reads) {
    for (const [key, object] of store.objects) objects.set(key, object);
    findings.push(...store.findings);
    for (const { kind, namespace, name, selector } of store.rejected) {
      if (isPolicyKind(kind) && !objects.has(objectKey(kind, namespace, name)))
        unreadablePolicies.push({ kind, namespace, name, selector });
    }
  }
  const { rootNamespace } = options;
  const set = { objects, ...(rootNamespace !== undefined && { rootNamespace }), findings, unreadablePolicies };
  return { set, gaps: reads.flatMap(({ gap }) => gap ?? []) };
}

interface ReadResource {
  readonly store: ObjectStore;
  readonly gap?: string;
}

async function readResource(
  api: KubernetesApi,
  resource: Resource,
  { namespaces }: ReadClusterOptions,
): Promise<ReadResource> {
  const store = new ObjectStore(resource, { changed: () => undefined, state: () => undefined });
  const whole = await readServed(api, resource);
  if (whole !== 'forbidden') {
    store.replace(whole);
    return { store };
  }
  const places = resource.namespace === undefined ? [...new Set(namespaces)] : [];
  const parts = await Promise.all(
    places.map(async (namespace) => ({ namespace, read: await readServed(api, { ...resource, namespace }) })),
  );
  store.replace(parts.flatMap(({ read }) => (read === 'forbidden' ? [] : read)));
  const readable = parts.filter(({ read }) => read !== 'forbidden').map(({ namespace }) => namespace);
  const where = readable.length === 0 ? '' : ` but in ${readable.join(', ')}`;
  return {
    store,
    gap: `you may not list ${resourceName(resource)}${where}: what refers to others is taken for missing`,
  };
}

/** The objects in the first version that is served; none where no version is. */
async function readServed(api: KubernetesApi, resource: Resource): Promise<readonly RawObject[] | 'forbidden'> {
  for (const version of resource.versions) {
    try {
      return await readPages(api, resource, version);
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 0;
      if (status === 403) return 'forbidden';
      if (status !== 404) throw error;
    }
  }
  return [];
}

async function readPages(api: KubernetesApi, resource: Resource, version: string): Promise<readonly RawObject[]> {
  const { fieldSelector, trim } = resource;
  const found: RawObject[] = [];
  let next = '';
  do {
    const page = await api.request<{
      readonly items?: readonly (KubernetesObject & RawObject)[];
      readonly metadata?: { readonly continue?: string };
    }>({
      method: 'GET',
      path: resourcePath(resource, version),
      query: {
        limit: PAGE,
        ...(fieldSelector === undefined ? {} : { fieldSelector }),
        ...(next === '' ? {} : { continue: next }),
      },
      timeoutMs: 30_000,
    });
    for (const item of page.items ?? []) found.push(trim(item));
    next = page.metadata?.continue ?? '';
  } while (next !== '');
  return found;
}
