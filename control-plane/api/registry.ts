import type { Kind, KindSpecs } from './kinds/index.js';
import type { Schema } from './schema/schema.js';
import { configMap } from './schemas/config-map.js';
import { endpointSlice, namespace, node, pod, secret, service } from './schemas/core.js';
import { destinationRule } from './schemas/destination-rule.js';
import { envoyFilter } from './schemas/envoy-filter.js';
import { gateway } from './schemas/gateway.js';
import { proxyConfigObject } from './schemas/proxy-config-object.js';
import { requestAuthentication } from './schemas/request-authentication.js';
import { authorizationPolicy, peerAuthentication } from './schemas/security.js';
import { serviceEntry } from './schemas/service-entry.js';
import { sidecar } from './schemas/sidecar.js';
import { telemetry } from './schemas/telemetry.js';
import { trafficSplit } from './schemas/traffic-split.js';
import { virtualService } from './schemas/virtual-service.js';
import { workloadEntry } from './schemas/workload-entry.js';
import { workloadGroup } from './schemas/workload-group.js';

/** A kind that is read: where it lives, and what its spec looks like. */
export interface KindDefinition<Spec> {
  /** Empty for Kubernetes' core group. */
  readonly group: string;
  readonly versions: readonly string[];
  readonly spec: Schema<Spec>;
  readonly clusterScoped?: true;
  /** Kubernetes' own, of which the mesh reads a part: other keys are not its business. */
  readonly inPart?: true;
}

const NETWORKING = { group: 'networking.istio.io', versions: ['v1', 'v1beta1', 'v1alpha3'] };
const SECURITY = { group: 'security.istio.io', versions: ['v1', 'v1beta1'] };
const CORE = { group: '', versions: ['v1'], inPart: true } as const;

const KINDS: { readonly [K in Kind]: KindDefinition<KindSpecs[K]> } = {
  VirtualService: { ...NETWORKING, spec: virtualService },
  DestinationRule: { ...NETWORKING, spec: destinationRule },
  ServiceEntry: { ...NETWORKING, spec: serviceEntry },
  WorkloadEntry: { ...NETWORKING, spec: workloadEntry },
  WorkloadGroup: { ...NETWORKING, spec: workloadGroup },
  Gateway: { ...NETWORKING, spec: gateway },
  ProxyConfig: { group: 'networking.istio.io', versions: ['v1beta1'], spec: proxyConfigObject },
  Sidecar: { ...NETWORKING, spec: sidecar },
  EnvoyFilter: { group: 'networking.istio.io', versions: ['v1alpha3'], spec: envoyFilter },
  PeerAuthentication: { ...SECURITY, spec: peerAuthentication },
  RequestAuthentication: { ...SECURITY, spec: requestAuthentication },
  AuthorizationPolicy: { ...SECURITY, spec: authorizationPolicy },
  Telemetry: { group: 'telemetry.istio.io', versions: ['v1', 'v1alpha1'], spec: telemetry },
  TrafficSplit: {
    group: 'split.smi-spec.io',
    versions: ['v1alpha4', 'v1alpha3', 'v1alpha2', 'v1alpha1'],
    spec: trafficSplit,
  },
  Service: { ...CORE, spec: service },
  Pod: { ...CORE, spec: pod },
  EndpointSlice: { group: 'discovery.k8s.io', versions: ['v1'], inPart: true, spec: endpointSlice },
  Node: { ...CORE, spec: node, clusterScoped: true },
  Secret: { ...CORE, spec: secret },
  Namespace: { ...CORE, spec: namespace, clusterScoped: true },
  ConfigMap: { ...CORE, spec: configMap },
};

export function isKnownKind(kind: string): kind is Kind {
  return Object.hasOwn(KINDS, kind);
}

export function definitionOf(kind: Kind): KindDefinition<unknown> {
  return KINDS[kind];
}

/** Kinds whose effect is missed when they are not read, by group. */
const MISSED: Readonly<Record<string, readonly string[]>> = {
  'extensions.istio.io': ['WasmPlugin', 'TrafficExtension'],
};

/** What a kind that is not read means to its user, and how grave that is. */
export function unreadKind(group: string, kind: string): { level: 'warning' | 'info'; message: string } {
  if (MISSED[group]?.includes(kind) === true) {
    return { level: 'warning', message: `${kind} is not supported in this release: nothing of it is applied` };
  }
  if (group === 'gateway.networking.k8s.io') {
    return { level: 'warning', message: 'the Gateway API is not supported in this release: nothing of it is applied' };
  }
  const kubernetes = group === '' || !group.includes('.') || group.endsWith('.k8s.io');
  if (kubernetes) return { level: 'info', message: `${kind} is not read: the mesh does not need it` };
  return { level: 'warning', message: `${kind} of ${group} is unknown: nothing of it is applied` };
}

/** The kinds that are read, for suggestions. */
export function knownKinds(): readonly Kind[] {
  return Object.keys(KINDS).filter(isKnownKind);
}

/** Kinds that are known by name and not read, by group. */
export function unreadKinds(): readonly (readonly [group: string, kinds: readonly string[]])[] {
  return Object.entries(MISSED);
}
