import { expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';
import { TYPE } from '../../common/xds/type-urls.js';
import type { Route } from '../../proto/gen/envoy/config/route/v3/Route.js';
import type { RouteConfiguration } from '../../proto/gen/envoy/config/route/v3/RouteConfiguration.js';
import { encodeRouteTable } from './route-table.js';

const route: Route = { name: 'default', match: { prefix: '/' }, route: { cluster: 'a', timeout: { seconds: 1 } } };
const long: Route = { name: 'x'.repeat(300), match: { path: '/long' }, direct_response: { status: 404 } };

it.each<RouteConfiguration>([
  {},
  { name: 'none' },
  { name: 'no hosts', virtual_hosts: [], ignore_port_in_host_matching: true },
  {
    name: '80',
    virtual_hosts: [
      { name: 'a', domains: ['a', 'a.b'], routes: [route, long, route], include_request_attempt_count: true },
      { name: 'empty' },
      { name: 'no routes', domains: ['c'], routes: [] },
      { name: 'the same', domains: ['d'], routes: [route] },
    ],
    validate_clusters: { value: false },
    max_direct_response_body_size_bytes: { value: 1_048_576 },
  },
])('is what the codec would write: %j', (table) => {
  const written = decodeMessage(TYPE.route, encodeRouteTable(table));
  expect(written).toEqual(decodeMessage(TYPE.route, encodeMessage(TYPE.route, table)));
});
