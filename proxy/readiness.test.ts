import { expect, it } from 'vitest';
import { TYPE } from '../common/xds/type-urls.js';
import { Readiness, type ReadinessSources } from './readiness.js';

const ALL: ReadinessSources = {
  received: () => true,
  listenersWarm: () => true,
  clustersWarm: () => true,
  secretsPresent: () => true,
  identityFault: () => '',
};

it.each<[string, Partial<ReadinessSources>]>([
  ['clusters', { received: (type) => type !== TYPE.cluster }],
  ['endpoints', { clustersWarm: () => false }],
  ['listeners', { received: (type) => type !== TYPE.listener }],
  ['routes or secrets of listeners', { listenersWarm: () => false }],
  ['secrets', { secretsPresent: () => false }],
  ['names', { received: (type) => type !== TYPE.nameTable }],
])('waits for %s', (what, sources) => {
  const readiness = new Readiness({ ...ALL, ...sources });
  readiness.update();
  expect([readiness.ready, readiness.reason]).toEqual([false, `waiting for ${what}`]);
});

it('is ready once, whatever is missing later', () => {
  let received = true;
  const readiness = new Readiness({ ...ALL, received: () => received });
  readiness.update();
  received = false;
  readiness.update();
  expect(readiness.ready).toBe(true);
  readiness.drain();
  expect(readiness.ready).toBe(false);
});
