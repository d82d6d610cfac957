import { expect, it } from 'vitest';
import type { ConfigObject } from '../api/object.js';
import { KindLists } from './kind-lists.js';

const object = (kind: string, name: string): ConfigObject => ({ kind, metadata: { name } }) as unknown as ConfigObject;
const setOf = (...objects: ConfigObject[]): Map<string, ConfigObject> =>
  new Map(objects.map((one) => [`${one.kind} ${one.metadata.name}`, one]));

const pod = object('Pod', 'a');
const service = object('Service', 'a');
const slice = object('EndpointSlice', 'a');

it('keeps the list of a kind of which nothing has changed', () => {
  const before = new KindLists(setOf(pod, service, slice));
  const after = new KindLists(setOf(pod, object('EndpointSlice', 'a'), service), before);
  expect(after.of('Pod')).toBe(before.of('Pod'));
  expect(after.of('Service')).toBe(before.of('Service'));
  expect(after.of('EndpointSlice')).not.toBe(before.of('EndpointSlice'));
  expect(after.of('Gateway')).toEqual([]);
});

it.each([
  ['another object', setOf(object('Pod', 'a'), service, slice)],
  ['one more', setOf(pod, object('Pod', 'b'), service, slice)],
  ['one less', setOf(service, slice)],
  ['a kind that was not there', setOf(pod, service, slice, object('Gateway', 'a'))],
])('tells %s from what may differ', (_what, objects) => {
  const before = new KindLists(setOf(pod, service, slice));
  const after = new KindLists(objects, before);
  expect(after.sameBut(before, new Set(['EndpointSlice']))).toBe(false);
  expect(after.sameBut(before, new Set(['Pod', 'Gateway']))).toBe(true);
});
