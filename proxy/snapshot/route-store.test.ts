import { expect, it } from 'vitest';
import { TYPE } from '../../common/xds/type-urls.js';
import { fromYaml, matchRoute, TEST_ROUTE_DEPS, testRequest } from '../router/testing.js';
import { RouteStore } from './route-store.js';

const good = (cluster: string) =>
  fromYaml(
    TYPE.route,
    `{name: "80", virtual_hosts: [{name: ${cluster}, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: ${cluster}}}]}]}`,
  );
const bad = fromYaml(TYPE.route, '{name: "80", virtual_hosts: [{name: h, domains: [a, a]}]}');

it('keeps the last good table, and tells both', () => {
  const changed: string[] = [];
  const store = new RouteStore({
    routes: TEST_ROUTE_DEPS,
    clock: { now: () => 5 },
    warn: () => {},
    changed: (name) => changed.push(name),
  });
  const source = store.routeSource('80');
  const host = () => {
    const table = source.current();
    return table === undefined ? undefined : matchRoute(table, testRequest('a/'))?.virtualHost;
  };
  expect(host()).toBeUndefined();
  expect(store.apply({ upserts: new Map([['80', good('one')]]), removals: [], version: '1' })).toEqual([]);
  expect(host()).toBe('one');

  const errors = store.apply({
    upserts: new Map([
      ['80', bad],
      ['81', good('two')],
    ]),
    removals: [],
    version: '2',
  });
  expect(errors).toEqual([{ resource: '80', message: "virtual_hosts[0].domains: 'a' is there twice" }]);
  expect(host()).toBe('one');
  expect(store.has('81')).toBe(true);
  expect(store.dump().map(({ name, version, refused }) => [name, version, refused?.version])).toEqual([
    ['80', '1', '2'],
    ['81', '2', undefined],
  ]);
  expect(changed).toEqual(['80', '81']);

  store.apply({ upserts: new Map(), removals: ['80'], version: '3' });
  expect(host()).toBeUndefined();
});
