import { describe, expect, it } from 'vitest';
import type { VirtualServiceSpec } from '../api/kinds/virtual-service.js';
import type { ConfigObject } from '../api/object.js';
import { routesTo } from './routed-to.js';

const object = (spec: VirtualServiceSpec): ConfigObject<VirtualServiceSpec> =>
  ({ kind: 'VirtualService', metadata: { name: 'shop', namespace: 'web' }, spec }) as ConfigObject<VirtualServiceSpec>;

const HOST = 'reviews.web.svc.cluster.local';

describe('routesTo', () => {
  it.each<[string, VirtualServiceSpec, boolean]>([
    [
      'a route, by short name',
      { hosts: ['shop.example'], http: [{ route: [{ destination: { host: 'reviews' } }] }] },
      true,
    ],
    ['a copy', { hosts: ['x'], http: [{ route: [], mirror: { host: HOST } }] }, true],
    ['several copies', { hosts: ['x'], http: [{ route: [], mirrors: [{ destination: { host: 'reviews' } }] }] }, true],
    ['TCP', { hosts: ['x'], tcp: [{ route: [{ destination: { host: 'reviews' } }] }] }, true],
    ['another namespace', { hosts: ['x'], http: [{ route: [{ destination: { host: 'reviews.other' } }] }] }, false],
    ['nothing', { hosts: [HOST], http: [{ redirect: { uri: '/x' } }] }, false],
  ])('%s', (_name, spec, expected) => {
    expect(routesTo(object(spec), HOST)).toBe(expected);
  });
});
