import type { RequestHead } from '../http/message.js';
import type { ConnectionInfo } from '../http/stream-info.js';
import { PLAINTEXT_PEER } from '../http/stream-info.js';
import type { RouteEntry } from '../router/route.js';
import { TEST_CONNECTION, testInfo, testRequest } from '../router/testing.js';
import type { FilterContext } from './filter.js';

/** Helpers for the tests of filters. */
export const MESH_CONNECTION: ConnectionInfo = {
  ...TEST_CONNECTION,
  peer: {
    ...PLAINTEXT_PEER,
    mtls: true,
    uriSan: 'spiffe://cluster.local/ns/default/sa/productpage',
    tlsVersion: 'TLSv1.3',
    sni: 'outbound_.9080_._.reviews.default.svc.cluster.local',
  },
};

/** A request on its way through a chain, with the per-route configuration of the filter under test. */
export function filterContext(
  request: RequestHead = testRequest('a/'),
  options: {
    readonly connection?: ConnectionInfo;
    readonly config?: unknown;
    readonly action?: RouteEntry['action'];
  } = {},
): FilterContext {
  const route: RouteEntry = {
    name: 'r',
    virtualHost: 'h',
    action: options.action ?? { kind: 'direct-response', status: 200, body: '' },
    prepareRequest: () => {},
    prepareResponse: () => {},
    filterConfig: () => options.config,
  };
  return { request, info: testInfo(options.connection ?? TEST_CONNECTION), route: () => route };
}
