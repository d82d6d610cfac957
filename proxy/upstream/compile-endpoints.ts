import { isIP } from 'node:net';
import { isSocketPath } from '../../common/runtime/socket-path.js';
import type { Address } from '../../proto/gen/envoy/config/core/v3/Address.js';
import type { ClusterLoadAssignment } from '../../proto/gen/envoy/config/endpoint/v3/ClusterLoadAssignment.js';
import type { LbEndpoint } from '../../proto/gen/envoy/config/endpoint/v3/LbEndpoint.js';
import type { LocalityLbEndpoints } from '../../proto/gen/envoy/config/endpoint/v3/LocalityLbEndpoints.js';
import type { WorkloadInfo } from '../http/stream-info.js';
import type { EndpointConfig, EndpointsConfig, LocalityWeight } from './cluster-config.js';
import { type FieldReport, filterMetadata, numberValue, stringMember } from './fields.js';

const MAX_PRIORITY = 128;

/** Nothing to send to: a cluster before its endpoints have come. */
export const NO_ENDPOINTS: EndpointsConfig = { endpoints: [], overprovisioning: 140, localityWeights: [] };

/**
 * Compiles envoy.config.endpoint.v3.ClusterLoadAssignment. `names` allows DNS names as addresses.
 * What is wrong goes to the report; the result counts only when it has no error.
 */
export function compileEndpoints(
  message: ClusterLoadAssignment,
  names: boolean,
  path: string,
  report: FieldReport,
): EndpointsConfig {
  const endpoints: EndpointConfig[] = [];
  const localityWeights: LocalityWeight[] = [];
  (message.endpoints ?? []).forEach((group, index) => {
    compileLocality(group, names, `${path}endpoints[${index}]`, report, endpoints, localityWeights);
  });
  const priorities = new Set(endpoints.map((endpoint) => endpoint.priority));
  const highest = Math.max(0, ...priorities);
  for (let p = 0; p < highest; p++) {
    if (!(message.endpoints ?? []).some((group) => (group.priority ?? 0) === p)) {
      report.error(`${path}endpoints`, `priority ${p} is missing below priority ${highest}`);
    }
  }
  const overprovisioning = numberValue(message.policy?.overprovisioning_factor) ?? 140;
  if (overprovisioning <= 0) report.error(`${path}policy.overprovisioning_factor`, 'must be above 0');
  if ((message.policy?.drop_overloads ?? []).length > 0) {
    report.warn(`${path}policy.drop_overloads`, 'not acted on');
  }
  return { endpoints, overprovisioning, localityWeights };
}

/** What most endpoints say, in one object for all. */
const NO_METADATA: EndpointConfig['transportMetadata'] = new Map();
const OWN_PORT: EndpointConfig['healthCheck'] = { disabled: false, port: undefined, hostname: '' };

/** `region/zone/sub_zone`, each of which may be empty. */
export function localityText(locality: LocalityLbEndpoints['locality']): string {
  return [locality?.region, locality?.zone, locality?.sub_zone].map((part) => part ?? '').join('/');
}

function compileLocality(
  group: LocalityLbEndpoints,
  names: boolean,
  path: string,
  report: FieldReport,
  endpoints: EndpointConfig[],
  weights: LocalityWeight[],
): void {
  const locality = localityText(group.locality);
  const priority = group.priority ?? 0;
  if (priority > MAX_PRIORITY) report.error(`${path}.priority`, `above ${MAX_PRIORITY}`);
  const weight = numberValue(group.load_balancing_weight);
  if (weight === 0) report.error(`${path}.load_balancing_weight`, 'must be at least 1');
  if (weight !== undefined) weights.push({ priority, locality, weight });
  (group.lb_endpoints ?? []).forEach((endpoint, index) => {
    const compiled = compileEndpoint(endpoint, { locality, priority, names }, `${path}.lb_endpoints[${index}]`, report);
    if (compiled !== undefined) endpoints.push(compiled);
  });
}

function compileEndpoint(
  message: LbEndpoint,
  where: { readonly locality: string; readonly priority: number; readonly names: boolean },
  path: string,
  report: FieldReport,
): EndpointConfig | undefined {
  const place = placeOf(message.endpoint?.address, where.names, `${path}.endpoint.address`, report);
  if (place === undefined) return undefined;
  const weight = numberValue(message.load_balancing_weight) ?? 1;
  if (weight < 1) report.error(`${path}.load_balancing_weight`, 'must be at least 1');
  return {
    ...place,
    hostname: message.endpoint?.hostname ?? '',
    hashKey: stringMember(filterMetadata(message.metadata, 'envoy.lb'), 'hash_key'),
    weight: Math.max(1, weight),
    priority: where.priority,
    locality: where.locality,
    health: healthOf(message.health_status),
    healthCheck: healthCheckOf(message.endpoint?.health_check_config),
    transportMetadata: transportMetadataOf(message),
    workload: workloadOf(message),
  };
}

/** An IP address, a name where those are looked up, or the path of a Unix socket, which has port 0. */
function placeOf(
  address: Address | null | undefined,
  names: boolean,
  path: string,
  report: FieldReport,
): Pick<EndpointConfig, 'host' | 'port'> | undefined {
  const pipe = address?.pipe?.path ?? '';
  if (pipe !== '') {
    if (isSocketPath(pipe)) return { host: pipe, port: 0 };
    report.error(`${path}.pipe.path`, `must begin with / or @: ${pipe}`);
    return undefined;
  }
  const socket = address?.socket_address;
  if (socket === undefined || socket === null) {
    report.error(path, 'only socket_address and pipe are supported');
    return undefined;
  }
  const host = socket.address ?? '';
  if (names || isIP(host) !== 0) return { host, port: socket.port_value ?? 0 };
  report.error(`${path}.socket_address.address`, `malformed IP address: ${host}`);
  return undefined;
}

function healthCheckOf(
  message: NonNullable<LbEndpoint['endpoint']>['health_check_config'],
): EndpointConfig['healthCheck'] {
  if (message === undefined || message === null) return OWN_PORT;
  const port = message.address?.socket_address?.port_value ?? message.port_value ?? 0;
  return {
    disabled: message.disable_active_health_check === true,
    port: port > 0 ? port : undefined,
    hostname: message.hostname ?? '',
  };
}

function healthOf(status: LbEndpoint['health_status']): EndpointConfig['health'] {
  switch (status) {
    case 'UNHEALTHY':
    case 'DRAINING':
    case 'TIMEOUT':
      return 'unhealthy';
    case 'DEGRADED':
      return 'degraded';
    default:
      return 'healthy';
  }
}

function transportMetadataOf(message: LbEndpoint): ReadonlyMap<string, string> {
  const values = filterMetadata(message.metadata, 'envoy.transport_socket_match');
  if (values === undefined) return NO_METADATA;
  return new Map(Object.entries(values).map(([key, value]) => [key, scalarText(value)]));
}

/** How a metadata value is compared: strings as they are, everything else by its JSON. */
export function scalarText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Istio's `workload` entry: `name;namespace;canonical service;canonical revision;cluster`. */
function workloadOf(message: LbEndpoint): WorkloadInfo | undefined {
  const metadata = filterMetadata(message.metadata, 'istio');
  const text = stringMember(metadata, 'workload');
  if (text === '') return undefined;
  const [workload = '', namespace = '', canonicalService = '', canonicalRevision = '', cluster = ''] = text.split(';');
  return {
    workload,
    namespace,
    canonicalService,
    canonicalRevision,
    app: stringMember(metadata, 'app') || canonicalService,
    version: stringMember(metadata, 'version') || canonicalRevision,
    cluster,
  };
}
