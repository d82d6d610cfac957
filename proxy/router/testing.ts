import { parse } from 'yaml';
import { systemClock } from '../../common/runtime/clock.js';
import { seededRandom } from '../../common/runtime/testing.js';
import { fromJson } from '../../common/xds/json.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { noCounters } from '../filters/counter.js';
import { perRouteFilters } from '../filters/registry.js';
import { HeaderList } from '../http/headers.js';
import type { RequestHead } from '../http/message.js';
import { type ConnectionInfo, PLAINTEXT_PEER, StreamInfo } from '../http/stream-info.js';
import { compileRouteConfiguration } from './compile-route-table.js';
import { compileHeaderFormat } from './header-format.js';
import type { RouteEntry, RouteTable } from './route.js';
import type { RouteDeps } from './route-deps.js';

/** Helpers for the tests of routes, filters and listeners. */
export const TEST_CONNECTION: ConnectionInfo = {
  id: 1,
  localAddress: '10.0.0.1:8080',
  localIp: '10.0.0.1',
  localPort: 8080,
  remoteAddress: '10.0.0.9:40000',
  remoteIp: '10.0.0.9',
  remotePort: 40_000,
  peer: PLAINTEXT_PEER,
};

export const TEST_ROUTE_DEPS: RouteDeps = {
  compileFormat: compileHeaderFormat,
  perRouteFilters: perRouteFilters({
    clock: systemClock,
    random: seededRandom(),
    counters: noCounters,
    serviceCluster: '',
  }),
};

export function testInfo(connection: ConnectionInfo = TEST_CONNECTION): StreamInfo {
  return new StreamInfo(connection);
}

/** A request for `METHOD host/path`; without a method it is GET. */
export function testRequest(target: string, headers: Readonly<Record<string, string>> = {}): RequestHead {
  const match = /^(?:([A-Z]+) )?([^/]*)(.*)$/.exec(target);
  const list = new HeaderList();
  for (const [name, value] of Object.entries(headers)) list.append(name, value);
  return {
    method: match?.[1] ?? 'GET',
    authority: match?.[2] ?? '',
    path: match?.[3] ?? '',
    scheme: 'http',
    version: 'HTTP/1.1',
    headers: list,
  };
}

/** A message from its YAML; a field that does not exist throws. */
export function fromYaml(typeUrl: string, yaml: string): object {
  const { message, errors } = fromJson(typeUrl, parse(yaml));
  if (errors.length > 0) throw new Error(errors.map((error) => `${error.path}: ${error.message}`).join('\n'));
  return message;
}

export function compileYamlRoutes(yaml: string): ReturnType<typeof compileRouteConfiguration> {
  return compileRouteConfiguration(fromYaml(TYPE.route, yaml), TEST_ROUTE_DEPS);
}

/** The table of a RouteConfiguration that must be valid. */
export function routeTable(yaml: string): RouteTable {
  const compiled = compileYamlRoutes(yaml);
  if ('errors' in compiled) throw new Error(compiled.errors.join('\n'));
  return compiled.table;
}

/** A table of one virtual host for everything, with these routes. */
export function routesOf(routes: string): RouteTable {
  return routeTable(`name: t\nvirtual_hosts:\n- name: all\n  domains: ["*"]\n  routes:\n${routes}`);
}

export function matchRoute(table: RouteTable, request: RequestHead, random = seededRandom()): RouteEntry | undefined {
  return table.match(request, { info: testInfo(), random });
}
