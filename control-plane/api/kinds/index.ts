import type { ConfigObject } from '../object.js';
import { ObjectsByKind } from '../objects-by-kind.js';
import type { AuthorizationPolicySpec } from './authorization-policy.js';
import type {
  ConfigMapSpec,
  EndpointSliceSpec,
  NamespaceSpec,
  NodeSpec,
  PodSpec,
  SecretSpec,
  ServiceSpec,
} from './core.js';
import type { DestinationRuleSpec } from './destination-rule.js';
import type { EnvoyFilterSpec } from './envoy-filter.js';
import type { GatewaySpec } from './gateway.js';
import type { MeshConfigSpec } from './mesh-config.js';
import type { MeshNetworksSpec } from './mesh-networks.js';
import type { PeerAuthenticationSpec } from './peer-authentication.js';
import type { ProxyConfigSpec } from './proxy-config.js';
import type { RequestAuthenticationSpec } from './request-authentication.js';
import type { ServiceEntrySpec } from './service-entry.js';
import type { SidecarSpec } from './sidecar.js';
import type { TelemetrySpec } from './telemetry.js';
import type { TrafficSplitSpec } from './traffic-split.js';
import type { VirtualServiceSpec } from './virtual-service.js';
import type { WorkloadEntrySpec } from './workload-entry.js';
import type { WorkloadGroupSpec } from './workload-group.js';

/** The spec type of every kind that is read. */
export interface KindSpecs {
  readonly VirtualService: VirtualServiceSpec;
  readonly DestinationRule: DestinationRuleSpec;
  readonly ServiceEntry: ServiceEntrySpec;
  readonly WorkloadEntry: WorkloadEntrySpec;
  readonly WorkloadGroup: WorkloadGroupSpec;
  readonly Gateway: GatewaySpec;
  readonly ProxyConfig: ProxyConfigSpec;
  readonly Sidecar: SidecarSpec;
  readonly EnvoyFilter: EnvoyFilterSpec;
  readonly PeerAuthentication: PeerAuthenticationSpec;
  readonly RequestAuthentication: RequestAuthenticationSpec;
  readonly AuthorizationPolicy: AuthorizationPolicySpec;
  readonly Telemetry: TelemetrySpec;
  readonly TrafficSplit: TrafficSplitSpec;
  readonly Service: ServiceSpec;
  readonly Pod: PodSpec;
  readonly EndpointSlice: EndpointSliceSpec;
  readonly Node: NodeSpec;
  readonly Namespace: NamespaceSpec;
  readonly Secret: SecretSpec;
  readonly ConfigMap: ConfigMapSpec;
}

export type Kind = keyof KindSpecs;

/** The objects of one kind, in the set's order. Relies on validation having given every kind its spec. */
export function objectsOfKind<K extends Kind>(
  objects: ReadonlyMap<string, ConfigObject>,
  kind: K,
): readonly ConfigObject<KindSpecs[K]>[] {
  // Kept under its own kind, so it has that kind's spec.
  if (objects instanceof ObjectsByKind) return objects.of(kind).list as readonly ConfigObject<KindSpecs[K]>[];
  const found: ConfigObject<KindSpecs[K]>[] = [];
  for (const object of objects.values()) {
    if (object.kind === kind) found.push(object as ConfigObject<KindSpecs[K]>);
  }
  return found;
}

/** Namespace of mesh-wide settings and policies where nothing else is said. */
export const ROOT_NAMESPACE = 'istio-system';

/** The mesh's settings: ConfigMap `istio` of the root namespace; empty when there is none. */
export function meshConfigOf(
  objects: ReadonlyMap<string, ConfigObject>,
  rootNamespace: string = ROOT_NAMESPACE,
): MeshConfigSpec {
  return settingsOf(objects, rootNamespace)?.spec.mesh ?? {};
}

/** The mesh's networks, of the same ConfigMap. */
export function meshNetworksOf(
  objects: ReadonlyMap<string, ConfigObject>,
  rootNamespace: string = ROOT_NAMESPACE,
): MeshNetworksSpec | undefined {
  return settingsOf(objects, rootNamespace)?.spec.networks;
}

function settingsOf(
  objects: ReadonlyMap<string, ConfigObject>,
  rootNamespace: string,
): ConfigObject<ConfigMapSpec> | undefined {
  return objectsOfKind(objects, 'ConfigMap').find(
    ({ metadata }) => metadata.name === 'istio' && metadata.namespace === rootNamespace,
  );
}
