/** An object as an API server sends it. */
export type RawObject = Readonly<Record<string, unknown>>;

/** A kind to watch, or one object of it. */
export interface Resource {
  readonly kind: string;
  /** Empty for Kubernetes' core group. */
  readonly group: string;
  /** In order of preference: the first that is served is read, and gives the objects of all. */
  readonly versions: readonly string[];
  /** As in paths: `virtualservices`. */
  readonly plural: string;
  readonly namespace?: string;
  readonly fieldSelector?: string;
  /** Defined by a CustomResourceDefinition, which may not be there. */
  readonly custom: boolean;
  /** Leaves out everything that nobody reads, so that it is not kept. */
  readonly trim: (object: RawObject) => RawObject;
}

/** `/apis/networking.istio.io/v1/virtualservices`. */
export function resourcePath(
  { group, plural, namespace }: Pick<Resource, 'group' | 'plural' | 'namespace'>,
  version: string,
): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}

/** `/api/v1/namespaces/NAMESPACE/configmaps`. */
export function configMapsOf(namespace: string): string {
  return resourcePath({ group: '', plural: 'configmaps', namespace }, 'v1');
}

/** `virtualservices.networking.istio.io`: also the name of its CustomResourceDefinition. */
export function resourceName({ group, plural }: Pick<Resource, 'group' | 'plural'>): string {
  return group === '' ? plural : `${plural}.${group}`;
}
