import type { NamespaceSpec } from '../api/kinds/core.js';
import type { ConfigObject, ObjectMeta } from '../api/object.js';
import type { Service } from './service.js';

/** Where clients of a service look first: by its spec, its annotation, or that of its namespace. */
export type Distribution = (
  metadata: Pick<ObjectMeta, 'namespace' | 'annotations'>,
  declared: string | undefined,
) => Pick<Service, 'trafficDistribution'>;

const ANNOTATION = 'networking.istio.io/traffic-distribution';
const MEANINGS: Readonly<Record<string, Service['trafficDistribution']>> = {
  preferclose: 'same-zone',
  prefersamezone: 'same-zone',
  prefersamenode: 'same-node',
};

export function distributions(namespaces: readonly ConfigObject<NamespaceSpec>[]): Distribution {
  const byNamespace = new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.annotations[ANNOTATION]]));
  return ({ namespace, annotations }, declared) => {
    const text = declared ?? annotations[ANNOTATION] ?? byNamespace.get(namespace) ?? '';
    const trafficDistribution = MEANINGS[text.toLowerCase()];
    return trafficDistribution === undefined ? {} : { trafficDistribution };
  };
}
