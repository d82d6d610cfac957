import { type ResourceTypeUrl, TYPE } from '../../../common/xds/type-urls.js';
import type { Cluster } from '../../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { Listener } from '../../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { RouteConfiguration } from '../../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { Shape } from '../../model/continuity.js';
import type { ProxyResources } from '../../xds/resources.js';
import { BLACK_HOLE_CLUSTER, familiesOf } from '../capture.js';
import { clientResources } from '../client-class.js';
import type { ProxyContext } from '../context.js';
import { duration } from '../messages.js';
import { secretResources } from '../secrets.js';
import { withOperations } from '../trace-operations.js';
import { isTraced } from '../tracing.js';
import { gatewayListener } from './listeners.js';
import { gatewayRoutes } from './routes.js';
import { credentialResources } from './server-tls.js';
import { type GatewayListener, gatewayListeners, type PlacedServer } from './servers.js';
import { autoPassthroughClusters } from './tcp-chains.js';

interface GatewayResources {
  readonly listeners: ReadonlyMap<string, Listener>;
  readonly routes: ReadonlyMap<string, RouteConfiguration>;
  readonly clusters: ReadonlyMap<string, Cluster>;
  /** SDS names of what servers show to clients, and verify them by. */
  readonly credentials: readonly string[];
}

/** Everything that a gateway is to have. */
export function gatewayTranslation(context: ProxyContext): ProxyResources {
  const { snapshot, node } = context;
  const { clusters, endpoints, credentials } = clientResources(context);
  const own = gatewayResources(context);
  const names = new Set([...credentials, ...own.credentials]);
  return new Map<ResourceTypeUrl, ReadonlyMap<string, object>>([
    [TYPE.cluster, new Map<string, object>([...clusters, ...own.clusters])],
    [TYPE.endpoint, endpoints],
    [TYPE.listener, own.listeners],
    [TYPE.route, own.routes],
    [TYPE.secret, secretResources(snapshot, node.namespace, names)],
  ]);
}

const known = new WeakMap<Shape, Map<string, GatewayResources>>();

/** Gateways that differ in nothing, and one while only endpoints change in the mesh, get the very same messages. */
function gatewayResources(context: ProxyContext): GatewayResources {
  const { snapshot, node, client, workload } = context;
  const labels = workload?.labels ?? node.labels;
  const served = workload === undefined ? [] : (snapshot.servicesOf.get(`${node.namespace}/${node.workload}`) ?? []);
  const listeners = gatewayListeners(snapshot.gateways.of(labels), served);
  const places = listeners.map(({ bind, port, servers }) => [bind, port, servers.map(({ routes }) => routes)]);
  const key = JSON.stringify([
    node.namespace,
    node.dataPlane,
    client,
    labels,
    familiesOf(context).wildcard,
    context.addresses.length,
    context.topology,
    places,
  ]);
  const made = known.get(snapshot.shape) ?? new Map<string, GatewayResources>();
  known.set(snapshot.shape, made);
  const resources = made.get(key) ?? makeResources(context, listeners);
  made.set(key, resources);
  return resources;
}

function makeResources(context: ProxyContext, placed: readonly GatewayListener[]): GatewayResources {
  const listeners = new Map<string, Listener>();
  const tables = new Map<string, PlacedServer[]>();
  for (const one of placed) {
    const listener = gatewayListener(context, one);
    if (listener === undefined) continue;
    listeners.set(listener.name ?? '', listener);
    for (const server of one.servers) {
      if (server.routes === undefined) continue;
      const sharing = tables.get(server.routes);
      if (sharing === undefined) tables.set(server.routes, [server]);
      else sharing.push(server);
    }
  }
  const blackHole = {
    name: BLACK_HOLE_CLUSTER,
    type: 'STATIC' as const,
    connect_timeout: duration(context.snapshot.settings.connectTimeoutMs),
  };
  const routes = new Map([...tables].map(([name, servers]) => [name, gatewayRoutes(context, name, servers)]));
  const passed = placed.flatMap(({ servers }) =>
    servers
      .filter(({ tls }) => tls?.mode === 'AUTO_PASSTHROUGH')
      .flatMap((server) => autoPassthroughClusters(context, server)),
  );
  return {
    listeners,
    routes: isTraced(context) ? withOperations(routes) : routes,
    clusters: new Map<string, Cluster>([
      [BLACK_HOLE_CLUSTER, blackHole],
      ...passed.map((c) => [c.name ?? '', c] as const),
    ]),
    credentials: placed.flatMap(({ servers }) =>
      servers.flatMap(({ tls }) => (tls === undefined ? [] : credentialResources(tls))),
    ),
  };
}
