import { Code } from '../codes.js';
import { decodeEnvoyValue, PATCHED_TYPE } from '../envoy-value.js';
import type {
  ApplyTo,
  ChainMatch,
  ClusterMatch,
  ConfigMatch,
  ConfigPatch,
  EnvoyFilterSpec,
  ListenerMatch,
  PatchBody,
  RouteConfigurationMatch,
  VirtualHostMatch,
} from '../kinds/envoy-filter.js';
import { object, required, unsupported } from '../schema/object.js';
import { childPath } from '../schema/path.js';
import type { Report } from '../schema/report.js';
import { enumOf, int32, port, regex } from '../schema/scalars.js';
import { anything, list, map, type Schema } from '../schema/schema.js';
import { labelsSelector, targetRefs, text } from './shared.js';

const NO_PATCH = 'the patch has no effect';

const named = object<{ readonly name?: string }>({ name: text });

const chain: Schema<ChainMatch> = object<ChainMatch>({
  name: text,
  sni: text,
  transportProtocol: text,
  applicationProtocols: text,
  filter: object<NonNullable<ChainMatch['filter']>>({ name: text, subFilter: named }),
  destinationPort: port,
  transportSocket: text,
});

const listener: Schema<ListenerMatch> = object<ListenerMatch>({
  portNumber: port,
  portName: unsupported(text, 'Istio does not look at it either'),
  filterChain: chain,
  listenerFilter: text,
  name: text,
});

const vhost: Schema<VirtualHostMatch> = object<VirtualHostMatch>({
  name: text,
  domainName: text,
  route: object<NonNullable<VirtualHostMatch['route']>>({
    name: text,
    action: enumOf('ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE'),
  }),
});

const routeConfiguration: Schema<RouteConfigurationMatch> = object<RouteConfigurationMatch>({
  portNumber: port,
  portName: unsupported(text, NO_PATCH),
  gateway: unsupported(text, NO_PATCH),
  vhost,
  name: text,
});

const cluster: Schema<ClusterMatch> = object<ClusterMatch>({
  portNumber: port,
  service: text,
  subset: text,
  name: text,
});

const match: Schema<ConfigMatch> = object<ConfigMatch>(
  {
    context: enumOf('ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT'),
    proxy: object<NonNullable<ConfigMatch['proxy']>>({ proxyVersion: regex, metadata: map(text) }),
    listener,
    routeConfiguration,
    cluster,
    waypoint: unsupported(anything, 'there are no waypoints, and the patch has no effect'),
  },
  { atMostOne: [['listener', 'routeConfiguration', 'cluster', 'waypoint']] },
);

const body: Schema<PatchBody> = object<PatchBody>({
  operation: required(
    enumOf(
      'MERGE',
      'ADD',
      'REMOVE',
      'INSERT_BEFORE',
      'INSERT_AFTER',
      'INSERT_FIRST',
      'REPLACE',
      'MERGE_AND_REPLACE_LIST',
    ),
  ),
  value: anything,
  filterClass: unsupported(
    enumOf('UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'),
    'the filter stands where the operation says',
  ),
});

const APPLY_TO = [
  'LISTENER',
  'FILTER_CHAIN',
  'NETWORK_FILTER',
  'HTTP_FILTER',
  'ROUTE_CONFIGURATION',
  'VIRTUAL_HOST',
  'HTTP_ROUTE',
  'CLUSTER',
  'EXTENSION_CONFIG',
  'BOOTSTRAP',
  'LISTENER_FILTER',
] as const satisfies readonly ApplyTo[];

const patch: Schema<ConfigPatch> = object<ConfigPatch>(
  { applyTo: required(enumOf(...APPLY_TO)), match, patch: required(body) },
  { check: checkPatch },
);

/** What our codec cannot carry has no effect, so it is said where it stands; the object's other patches hold. */
function checkPatch({ applyTo, patch: { operation, value } }: ConfigPatch, path: string, report: Report): void {
  const typeUrl = PATCHED_TYPE[applyTo];
  if (typeUrl === undefined) {
    const message = `${applyTo} is not supported in this release: ${NO_PATCH}`;
    report.warn(Code.unsupportedField, childPath(path, 'applyTo'), message);
    return;
  }
  if (operation === 'REMOVE') return;
  const at = `${path}.patch.value`;
  if (value === undefined) {
    report.error(at, `is required with operation ${operation}`);
    return;
  }
  for (const { path: below, message } of decodeEnvoyValue(typeUrl, value).errors) {
    const place = below === '' ? at : below.startsWith('[') ? `${at}${below}` : `${at}.${below}`;
    report.warn(Code.unsupportedField, place, `cannot be carried (${message}): ${NO_PATCH}`);
  }
}

/** EnvoyFilter (networking.istio.io). */
export const envoyFilter: Schema<EnvoyFilterSpec> = object<EnvoyFilterSpec>(
  {
    workloadSelector: labelsSelector,
    targetRefs: unsupported(
      targetRefs,
      'it is for waypoints and gateways of the Gateway API, so the object has no effect',
    ),
    configPatches: list(patch),
    priority: int32,
  },
  { atMostOne: [['workloadSelector', 'targetRefs']] },
);
