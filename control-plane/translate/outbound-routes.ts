import { formatClusterName } from '../../common/xds/names.js';
import type { Route } from '../../proto/gen/envoy/config/route/v3/Route.js';
import type {
  _envoy_config_route_v3_RouteAction_HashPolicy as HashPolicy,
  RouteAction,
} from '../../proto/gen/envoy/config/route/v3/RouteAction.js';
import type { RouteConfiguration } from '../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { VirtualHost } from '../../proto/gen/envoy/config/route/v3/VirtualHost.js';
import { clusterDomain } from '../api/hosts.js';
import type { HttpRoute } from '../api/kinds/virtual-service.js';
import { hostCovers } from '../model/hosts.js';
import type { MeshSettings } from '../model/mesh-settings.js';
import type { ServicePort } from '../model/service.js';
import type { Split } from '../model/traffic-split.js';
import type { MeshVirtualService } from '../model/virtual-services.js';
import { catchAllCluster } from './capture.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { bool, duration, struct, uint32 } from './messages.js';
import { outsideHosts } from './outside.js';
import { retryPolicy } from './retry.js';
import { hashPolicies, type RouteScope, routeBody, timeouts } from './route-action.js';
import { matchConcerns, matchesEverything, routeMatch } from './route-match.js';
import { connectDestinations } from './tcp-destinations.js';

/** Name of the routes of the listener that applications use as their HTTP proxy, as Istio names them. */
export const HTTP_PROXY_ROUTES = 'http_proxy';

/** The routes of an application's HTTP proxy: a virtual host for every service port, found by the request's authority. */
export function outboundRoutes(
  context: ProxyContext,
  ports = context.ports,
  table = HTTP_PROXY_ROUTES,
): RouteConfiguration {
  const hosts = new HostTable();
  for (const visible of ports) {
    const { service, port } = visible;
    const name = `${service.host}:${port.number}`;
    const http = port.protocol !== 'tcp' && port.protocol !== 'tls';
    const routes = http ? serviceRoutes(context, visible) : connectRoutes(context, visible);
    hosts.add({ name, domains: domainsOf(context, visible, http), routes, include_request_attempt_count: true });
  }
  for (const host of virtualServiceHosts(context)) hosts.add(host);
  hosts.add(context.registryOnly ? blockAll() : outsideHosts(catchAllCluster(context)));
  return hosts.table(table, false);
}

/** Virtual hosts of one table. Envoy refuses two with one domain; the first has it, as in Istio. */
export class HostTable {
  readonly #taken = new Set<string>();
  readonly #hosts: VirtualHost[] = [];

  add(host: VirtualHost): void {
    const domains = (host.domains ?? []).filter((domain) => !this.#taken.has(domain));
    for (const domain of domains) this.#taken.add(domain);
    if (domains.length > 0) this.#hosts.push({ ...host, domains });
  }

  table(name: string, ignorePort: boolean): RouteConfiguration {
    return {
      name,
      virtual_hosts: this.#hosts,
      validate_clusters: bool(false),
      max_direct_response_body_size_bytes: { value: 1_048_576 },
      ignore_port_in_host_matching: ignorePort,
    };
  }
}

/** Hosts that only a VirtualService knows: reached on port 80. A wildcard that covers services speaks for those alone. */
export function virtualServiceHosts(context: ProxyContext): VirtualHost[] {
  const { virtualServices } = context;
  const services = new Set(context.ports.map(({ service }) => service.host));
  const names = [...services];
  return virtualServices.all.flatMap((vs) =>
    vs.hosts
      .filter((host) => host !== '*' && virtualServices.find(host) === vs)
      .filter((host) => !(host.startsWith('*') ? names.some((name) => hostCovers(host, name)) : services.has(host)))
      .map((host) => ({
        name: `${host}:80`,
        domains: withPorts(host.startsWith('*') ? [host] : [host, ...aliases(context, host)], 80),
        routes: virtualServiceRoutes({ context, namespace: vs.namespace, port: 80 }, vs),
        include_request_attempt_count: true,
      }))
      .filter(({ routes }) => routes.length > 0 || mayHaveMatched(vs)),
  );
}

/** What nothing in the mesh is known by, where it is out of reach. */
export function blockAll(): VirtualHost {
  return {
    name: 'block_all',
    domains: ['*'],
    routes: [{ name: 'block_all', match: { prefix: '/' }, direct_response: { status: 502 } }],
    include_request_attempt_count: true,
  };
}

/** Every authority that means a service port: all its names, with the port, and without it where that is not ambiguous. */
export function domainsOf(context: ProxyContext, { service, port }: VisiblePort, http: boolean): string[] {
  const names = [service.host, ...aliases(context, service.host)];
  const httpPorts = service.ports.filter(({ protocol }) => protocol !== 'tcp' && protocol !== 'tls');
  const plain =
    http &&
    (port.number === 80 ||
      (httpPorts.length === 1 && !httpPorts.some((other) => other.number === 80 && other !== port)));
  return plain ? withPorts(names, port.number) : names.map((name) => `${name}:${port.number}`);
}

function withPorts(names: readonly string[], port: number): string[] {
  return names.flatMap((name) => [name, `${name}:${port}`]);
}

/** The shorter names of a cluster-local host, by the client's namespace as its resolver would complete them. */
export function aliases(context: ProxyContext, host: string): string[] {
  const suffix = `.svc.${clusterDomain()}`;
  if (!host.endsWith(suffix)) return [];
  const base = host.slice(0, -suffix.length);
  const names = [`${base}.svc`, base];
  const own = `.${context.client.namespace}`;
  if (base.endsWith(own)) names.push(base.slice(0, -own.length));
  return names;
}

/** Routes of an HTTP port: by VirtualService, else by TrafficSplit, else all to the service. */
export function serviceRoutes(context: ProxyContext, visible: VisiblePort): Route[] {
  const { snapshot } = context;
  const { service, port } = visible;
  const vs = context.virtualServices.find(service.host);
  if (vs !== undefined && (vs.spec.http ?? []).length > 0) {
    const routes = virtualServiceRoutes({ context, namespace: vs.namespace, port: port.number }, vs);
    // One that says nothing about this client and port is as good as none; one that we understand in part is not.
    if (routes.length > 0 || mayHaveMatched(vs)) return routes;
  }
  const split = snapshot.trafficSplits.get(service.host);
  const scope: RouteScope = { context, namespace: service.namespace, port: port.number };
  if (split !== undefined) return splitRoutes(scope, split);
  return [defaultRoute(scope, visible)];
}

/** Whether a route that we do not understand might have taken what no other takes. */
export function mayHaveMatched({ spec }: MeshVirtualService): boolean {
  return (spec.http ?? []).some(({ match }) => match?.some(({ unknownMatch }) => unknownMatch === true) === true);
}

interface DefaultRoute {
  readonly cluster: string;
  /** What it depends on besides. */
  readonly client: string;
  readonly route: Route;
}

/** Clients of all namespaces have the same, from one snapshot to the next; it is then serialized once for all of them. */
const defaults = new WeakMap<ServicePort, DefaultRoute>();
const retries = new WeakMap<MeshSettings, string>();

function defaultRoute(scope: RouteScope, { service, port }: VisiblePort): Route {
  const { node, snapshot } = scope.context;
  const hash = hashPolicies(scope, { host: service.host, port: { number: port.number } });
  if (hash.length > 0) return newDefaultRoute(scope, service.host, port.number, hash);
  let retry = retries.get(snapshot.settings);
  if (retry === undefined) {
    retry = JSON.stringify(retryPolicy(undefined, snapshot.settings) ?? null);
    retries.set(snapshot.settings, retry);
  }
  const cluster = clusterName(service.host, port.number);
  const client = node.dataPlane + retry;
  const known = defaults.get(port);
  if (known?.cluster === cluster && known.client === client) return known.route;
  const route = newDefaultRoute(scope, service.host, port.number, hash);
  defaults.set(port, { cluster, client, route });
  return route;
}

function newDefaultRoute(scope: RouteScope, host: string, port: number, hash: HashPolicy[]): Route {
  const retry = retryPolicy(undefined, scope.context.snapshot.settings);
  const action: RouteAction = {
    cluster: clusterName(host, port),
    ...timeouts(scope, 0),
    ...(retry && { retry_policy: retry }),
    ...(hash.length > 0 && { hash_policy: hash }),
  };
  return { name: 'default', match: { prefix: '/' }, route: action };
}

function clusterName(host: string, port: number): string {
  return formatClusterName({ direction: 'outbound', port, subset: '', host });
}

function splitRoutes(scope: RouteScope, split: Split): Route[] {
  const route: HttpRoute = {
    route: split.backends.map(({ host, weight }) => ({ destination: { host }, weight })),
  };
  const body = routeBody(scope, route);
  return body === undefined
    ? []
    : [{ name: `split-${split.namespace}-${split.name}`, match: { prefix: '/' }, ...body }];
}

/** The routes of a VirtualService that can be reached by this client, in order. */
export function virtualServiceRoutes(scope: RouteScope, vs: MeshVirtualService): Route[] {
  const routes: Route[] = [];
  const config = `/apis/networking.istio.io/v1alpha3/namespaces/${vs.namespace}/virtual-service/${vs.name}`;
  const metadata = { filter_metadata: { istio: struct({ config }) } };
  for (const http of vs.spec.http ?? []) {
    const body = routeBody(scope, http);
    if (body === undefined) continue;
    const matches = http.match === undefined || http.match.length === 0 ? [undefined] : http.match;
    for (const match of matches) {
      if (match !== undefined && !matchConcerns(match, scope, vs.namespace)) continue;
      const name = [http.name, match?.name].filter((part) => part !== undefined && part !== '').join('.');
      const compiled = routeMatch(match);
      const stat_prefix = match?.statPrefix;
      routes.push({
        ...(name !== '' && { name }),
        match: compiled,
        metadata,
        ...(stat_prefix && { stat_prefix }),
        ...body,
      });
      if (matchesEverything(compiled)) return routes;
    }
  }
  return routes;
}

/** A port that carries no HTTP is reached by CONNECT: its bytes go to the cluster as TCP. */
function connectRoutes(context: ProxyContext, visible: VisiblePort): Route[] {
  const destinations = connectDestinations(context, visible);
  const [only] = destinations;
  return [
    {
      name: 'connect',
      match: { connect_matcher: {} },
      route: {
        ...(destinations.length === 1 && only !== undefined
          ? { cluster: only.cluster }
          : {
              weighted_clusters: { clusters: destinations.map((d) => ({ name: d.cluster, weight: uint32(d.weight) })) },
            }),
        timeout: duration(0),
        idle_timeout: duration(0),
        upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
      },
    },
  ];
}
