import { describe, expect, it } from 'vitest';
import { toStruct } from '../../common/xds/struct.js';
import type { Route__Output } from '../../proto/gen/envoy/config/route/v3/Route.js';
import { routeLabel } from './route-label.js';

const CONFIG = '/apis/networking.istio.io/v1alpha3/namespaces/default/virtual-service/reviews';

function route(match: object, config = CONFIG): Route__Output {
  return { match, metadata: { filter_metadata: { istio: toStruct({ config }) } } } as unknown as Route__Output;
}

describe('what a route without a name is called', () => {
  it.each([
    ['reviews.default /*', {}],
    ['reviews.default /*', { prefix: '/' }],
    ['reviews.default /a*', { path_separated_prefix: '/a' }],
    ['reviews.default /a', { path: '/a' }],
    ['reviews.default ~/a.+, end-user', { safe_regex: { regex: '/a.+' }, headers: [{ name: 'end-user' }] }],
  ])('%s', (label, match) => {
    expect(routeLabel(route(match))).toBe(label);
  });

  it('is nothing where no object is known', () => {
    expect(routeLabel(route({ prefix: '/' }, ''))).toBe('');
    expect(routeLabel({} as Route__Output)).toBe('');
  });
});
