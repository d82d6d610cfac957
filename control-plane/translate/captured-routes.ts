import { isIPv6 } from 'node:net';
import type { RouteConfiguration } from '../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { VirtualHost } from '../../proto/gen/envoy/config/route/v3/VirtualHost.js';
import type { ServicePort } from '../model/service.js';
import { catchAllCluster } from './capture.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { duration } from './messages.js';
import { serviceAddresses } from './name-table.js';
import { aliases, blockAll, HostTable, serviceRoutes, virtualServiceHosts } from './outbound-routes.js';

/** Whether HTTP may come to a port. */
export function carriesHttp({ protocol }: ServicePort): boolean {
  return protocol !== 'tcp' && protocol !== 'tls';
}

/** Routes of the listener that all HTTP services with one port number share, named by that number. */
export function portRoutes(
  context: ProxyContext,
  number: number,
  services: readonly VisiblePort[],
): RouteConfiguration {
  const hosts = new HostTable();
  for (const visible of services) hosts.add(serviceHost(context, visible, domainsOf(context, visible)));
  if (number === 80) for (const host of virtualServiceHosts(context)) hosts.add(host);
  hosts.add(context.registryOnly ? blockAll() : allowAny(catchAllCluster(context)));
  return hosts.table(String(number), true);
}

/** Routes of the services behind a port that a Sidecar opens. */
export function routesAmong(context: ProxyContext, ports: readonly VisiblePort[], name: string): RouteConfiguration {
  const hosts = new HostTable();
  for (const visible of ports) {
    if (carriesHttp(visible.port)) hosts.add(serviceHost(context, visible, domainsOf(context, visible)));
  }
  hosts.add(blockAll());
  return hosts.table(name, true);
}

/** Name of the routes of a service that has its listeners to itself: its protocol is found out for each connection. */
export function detectedRoutesName({ service, port }: VisiblePort): string {
  return `${service.host}:${port.number}`;
}

/** The address has said which service is meant: the request's host does not matter. */
export function detectedRoutes(context: ProxyContext, visible: VisiblePort): RouteConfiguration {
  const hosts = new HostTable();
  hosts.add(serviceHost(context, visible, ['*']));
  return hosts.table(detectedRoutesName(visible), true);
}

function serviceHost(context: ProxyContext, visible: VisiblePort, domains: string[]): VirtualHost {
  return {
    name: `${visible.service.host}:${visible.port.number}`,
    domains,
    routes: serviceRoutes(context, visible),
    include_request_attempt_count: true,
  };
}

/** The names and addresses of a service. A headless one lends its name to its pods (`web-0.web`). */
function domainsOf(context: ProxyContext, { service }: VisiblePort): string[] {
  const names = [service.host, ...aliases(context, service.host)];
  const pods = service.headless ? names.map((name) => `*.${name}`) : [];
  const addresses = serviceAddresses(context, service).filter((address) => !address.includes('/'));
  return [...names, ...pods, ...addresses.map((address) => (isIPv6(address) ? `[${address}]` : address))];
}

/** What the mesh does not know is let through to where it was going, or to the proxy for it. */
function allowAny(cluster: string): VirtualHost {
  return {
    name: 'allow_any',
    domains: ['*'],
    routes: [{ name: 'allow_any', match: { prefix: '/' }, route: { cluster, timeout: duration(0) } }],
    include_request_attempt_count: true,
  };
}
