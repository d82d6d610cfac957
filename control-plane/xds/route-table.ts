import { encodeMessage } from '../../common/xds/codec.js';
import { TYPE } from '../../common/xds/type-urls.js';
import type { Route } from '../../proto/gen/envoy/config/route/v3/Route.js';
import type { RouteConfiguration } from '../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import type { VirtualHost } from '../../proto/gen/envoy/config/route/v3/VirtualHost.js';
import { fieldHeader } from './wire.js';

/** Field numbers of envoy.config.route.v3. */
const TABLE = { virtualHosts: 2 } as const;
const HOST = { routes: 3 } as const;
const MESSAGES = 'type.googleapis.com/envoy.config.route.v3';

const known = new WeakMap<Route, Buffer>();

/** Serialized; a route that stands in many tables, or was in the one before, is serialized once. */
export function encodeRouteTable({ virtual_hosts: hosts, ...rest }: RouteConfiguration): Buffer {
  const parts = [encodeMessage(TYPE.route, rest)];
  for (const host of hosts ?? []) {
    const content = hostParts(host);
    parts.push(fieldHeader(TABLE.virtualHosts, lengthOf(content)), ...content);
  }
  return Buffer.concat(parts);
}

function hostParts({ routes, ...rest }: VirtualHost): Buffer[] {
  const parts = [encodeMessage(`${MESSAGES}.VirtualHost`, rest)];
  for (const route of routes ?? []) {
    const content = encoded(route);
    parts.push(fieldHeader(HOST.routes, content.length), content);
  }
  return parts;
}

function encoded(route: Route): Buffer {
  let content = known.get(route);
  if (content === undefined) {
    content = encodeMessage(`${MESSAGES}.Route`, route);
    known.set(route, content);
  }
  return content;
}

function lengthOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
