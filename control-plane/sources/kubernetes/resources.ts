import { ROOT_NAMESPACE } from '../../api/kinds/index.js';
import { definitionOf, knownKinds, unreadKinds } from '../../api/registry.js';
import type { RawObject, Resource } from '../../kubernetes/resource.js';
import {
  trimCustom,
  trimData,
  trimEndpointSlice,
  trimNamespace,
  trimNode,
  trimPod,
  trimService,
  trimToName,
} from './trim.js';

/** Versions of Istio's and its extensions' kinds, of which each is served in some. */
const SERVED = ['v1', 'v1beta1', 'v1alpha3', 'v1alpha1'];

/** Every kind that is watched whole, or, of the mesh's ConfigMap, that one object. */
export function watchedResources(rootNamespace: string = ROOT_NAMESPACE): Resource[] {
  return [...coreResources(rootNamespace), ...customResources(), ...unreadResources()];
}

function coreResources(rootNamespace: string): Resource[] {
  const core = (kind: string, plural: string, trim: (object: RawObject) => RawObject): Resource => ({
    kind,
    group: '',
    versions: ['v1'],
    plural,
    custom: false,
    trim,
  });
  return [
    core('Namespace', 'namespaces', trimNamespace),
    core('Node', 'nodes', trimNode),
    core('Service', 'services', trimService),
    // Pods that have ended serve nobody and are kept by their Jobs in great numbers.
    {
      ...core('Pod', 'pods', trimPod),
      fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed',
    },
    { ...core('EndpointSlice', 'endpointslices', trimEndpointSlice), group: 'discovery.k8s.io' },
    {
      ...core('ConfigMap', 'configmaps', trimData('ConfigMap')),
      namespace: rootNamespace,
      fieldSelector: 'metadata.name=istio',
    },
  ];
}

/** Istio's and SMI's kinds that are read. */
function customResources(): Resource[] {
  return knownKinds()
    .filter((kind) => definitionOf(kind).inPart !== true)
    .map((kind) => {
      const { group, versions } = definitionOf(kind);
      return { kind, group, versions, plural: pluralOf(kind), custom: true, trim: trimCustom };
    });
}

/** Kinds whose effect is missed: their objects are reported. */
function unreadResources(): Resource[] {
  return unreadKinds().flatMap(([group, kinds]) =>
    kinds.map((kind) => ({
      kind,
      group,
      versions: SERVED,
      plural: pluralOf(kind),
      custom: true,
      trim: trimToName,
    })),
  );
}

/** One Secret, watched by its name. */
export function secretResource(namespace: string, name: string): Resource {
  return {
    kind: 'Secret',
    group: '',
    versions: ['v1'],
    plural: 'secrets',
    namespace,
    fieldSelector: `metadata.name=${name}`,
    custom: false,
    trim: trimData('Secret'),
  };
}

/** The lower-case plural that definitions use: `telemetries`, `gateways`. */
export function pluralOf(kind: string): string {
  const lower = kind.toLowerCase();
  return /[^aeiou]y$/.test(lower) ? `${lower.slice(0, -1)}ies` : `${lower}s`;
}
