import { isMapping } from '../../api/schema/schema.js';
import type { RawObject } from '../../kubernetes/resource.js';

/** Of what Kubernetes' own kinds carry for everybody, the part that is ours. */
const OUR_ANNOTATION = /(?:^|[./])(?:istio\.io|linkerd\.io|prometheus\.io)\//;
const TOPOLOGY_LABEL =
  /^(?:topology\.kubernetes\.io|topology\.istio\.io|failure-domain\.beta\.kubernetes\.io)\/|^kubernetes\.io\/hostname$/;
/** kubectl's copy of the whole object. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** An object of a kind whose spec is read whole. */
export function trimCustom(object: RawObject): RawObject {
  const { apiVersion, kind, spec } = object;
  return { apiVersion, kind, metadata: trimMetadata(object, (key) => key !== LAST_APPLIED), ...defined({ spec }) };
}

/** An object of which only its being there is of interest. */
export function trimToName(object: RawObject): RawObject {
  const { name, namespace, uid, resourceVersion } = metadataOf(object);
  return {
    apiVersion: object['apiVersion'],
    kind: object['kind'],
    metadata: defined({ name, namespace, uid, resourceVersion }),
  };
}

export function trimService(object: RawObject): RawObject {
  const spec = pick(object['spec'], [
    'ports',
    'selector',
    'clusterIP',
    'clusterIPs',
    'type',
    'externalName',
    'ipFamilies',
    'publishNotReadyAddresses',
    'trafficDistribution',
    'externalIPs',
  ]);
  const { loadBalancer } = mapping(object['status']);
  const reached = loadBalancer === undefined ? {} : { status: { loadBalancer } };
  return { ...core('Service', object), spec, ...reached };
}

export function trimPod(object: RawObject): RawObject {
  const metadata = metadataOf(object);
  const status = mapping(object['status']);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...trimMetadata(object, isOurs),
      ...defined({ deletionTimestamp: metadata['deletionTimestamp'] }),
      ownerReferences: entries(metadata['ownerReferences'])
        .filter((owner) => owner['controller'] === true)
        .map((owner) => pick(owner, ['kind', 'name', 'controller'])),
    },
    spec: trimPodSpec(mapping(object['spec'])),
    status: {
      ...pick(status, ['podIP', 'podIPs', 'phase']),
      conditions: entries(status['conditions'])
        .filter(({ type }) => type === 'Ready')
        .map((condition) => pick(condition, ['type', 'status'])),
    },
  };
}

function trimPodSpec(spec: RawObject): RawObject {
  return {
    ...pick(spec, ['serviceAccountName', 'nodeName', 'hostNetwork', 'hostname', 'subdomain']),
    containers: entries(spec['containers']).map((container) => ({
      name: container['name'],
      ...defined({
        ports: list(container['ports'])?.map((port) => pick(port, ['name', 'containerPort', 'protocol'])),
      }),
    })),
    // Only ours is of interest among them; their ports are those of no service.
    initContainers: entries(spec['initContainers'])
      .filter(({ name }) => name === 'istio-proxy')
      .map((container) => pick(container, ['name'])),
  };
}

export function trimEndpointSlice(object: RawObject): RawObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: trimMetadata(object, isOurs, (key) => key === 'kubernetes.io/service-name'),
    addressType: object['addressType'],
    endpoints: entries(object['endpoints']).map((endpoint) => ({
      ...pick(endpoint, ['addresses', 'conditions', 'hostname', 'nodeName', 'zone']),
      ...defined({ targetRef: optionalPick(endpoint['targetRef'], ['kind', 'namespace', 'name']) }),
    })),
    ports: entries(object['ports']).map((port) => pick(port, ['name', 'port', 'protocol', 'appProtocol'])),
  };
}

export function trimNode(object: RawObject): RawObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: trimMetadata(
      object,
      () => false,
      (key) => TOPOLOGY_LABEL.test(key),
    ),
  };
}

export function trimNamespace(object: RawObject): RawObject {
  return core('Namespace', object);
}

/** Also of a ConfigMap: everything in it may be read. */
export function trimData(kind: 'Secret' | 'ConfigMap'): (object: RawObject) => RawObject {
  return (object) => ({ ...core(kind, object), ...pick(object, ['type', 'data']) });
}

function core(kind: string, object: RawObject): RawObject {
  return { apiVersion: 'v1', kind, metadata: trimMetadata(object, isOurs) };
}

function isOurs(annotation: string): boolean {
  return OUR_ANNOTATION.test(annotation);
}

type KeyFilter = (key: string) => boolean;

/** `managedFields`, finalizers and the like are dropped always; `uid` and `resourceVersion` tell one state from another. */
function trimMetadata(object: RawObject, annotation: KeyFilter, label: KeyFilter = () => true): RawObject {
  const metadata = metadataOf(object);
  return {
    ...pick(metadata, ['name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp', 'generation']),
    labels: filtered(metadata['labels'], label),
    annotations: filtered(metadata['annotations'], annotation),
  };
}

function metadataOf(object: RawObject): RawObject {
  return mapping(object['metadata']);
}

function mapping(value: unknown): RawObject {
  return isMapping(value) ? value : {};
}

function list(value: unknown): RawObject[] | undefined {
  return Array.isArray(value) ? value.map(mapping) : undefined;
}

function entries(value: unknown): RawObject[] {
  return list(value) ?? [];
}

function pick(value: unknown, keys: readonly string[]): RawObject {
  const from = mapping(value);
  const picked: Record<string, unknown> = {};
  for (const key of keys) if (from[key] !== undefined && from[key] !== null) picked[key] = from[key];
  return picked;
}

function optionalPick(value: unknown, keys: readonly string[]): RawObject | undefined {
  return isMapping(value) ? pick(value, keys) : undefined;
}

function filtered(value: unknown, keep: KeyFilter): RawObject {
  return Object.fromEntries(Object.entries(mapping(value)).filter(([key]) => keep(key)));
}

function defined(fields: RawObject): RawObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
