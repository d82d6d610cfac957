import { describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { type ConfigObject, objectKey } from '../api/object.js';
import type { ConfigSet } from '../sources/source.js';
import { changesPage, Progress } from './changes.js';
import { History } from './history.js';
import {
  decodeInterventions,
  encodeInterventions,
  NO_INTERVENTIONS,
  occurrences,
  type Rollback,
} from './interventions.js';
import { differing, rolledBack } from './rollback.js';

function object(kind: string, name: string, spec: unknown): ConfigObject {
  const metadata = { name, namespace: 'default', labels: {}, annotations: {}, creationTimestamp: '', generation: 0 };
  return { apiVersion: 'networking.istio.io/v1', kind, metadata, spec, origin: undefined };
}

function setOf(...objects: readonly ConfigObject[]): ConfigSet {
  const entries = objects.map((one) => [objectKey(one.kind, 'default', one.metadata.name), one] as const);
  return { objects: new Map(entries), findings: [], unreadablePolicies: [] };
}

const one = object('VirtualService', 'reviews', { hosts: ['reviews'], http: [{ timeout: 1 }] });
const two = object('VirtualService', 'reviews', { hosts: ['reviews'], http: [{ timeout: 2 }] });
const rule = object('DestinationRule', 'reviews', { host: 'reviews' });
const entry = object('WorkloadEntry', 'reviews-v1', { address: '127.0.0.1' });

describe('history', () => {
  it('keeps what changed, and finds every version by going back', () => {
    const history = new History(systemClock);
    history.record(setOf(one, entry));
    expect(history.record(setOf(one, object('WorkloadEntry', 'other', {})))).toBeUndefined();
    history.record(setOf(two, rule));
    history.record(setOf(two));
    const [first, second, third] = history.versions;
    expect(second?.changes.map(({ key }) => key)).toEqual([
      'DestinationRule/default/reviews',
      'VirtualService/default/reviews',
    ]);
    expect([...found(history, first?.id)]).toEqual([one]);
    expect(new Set(found(history, second?.id))).toEqual(new Set([two, rule]));
    expect([...found(history, third?.id.slice(0, 6))]).toEqual([two]);
    expect(history.find('none')).toBeUndefined();
  });

  it('gives the same objects the same name, and is bounded', () => {
    const clock = systemClock;
    const history = new History(clock, { versions: 3, bytes: 1_000_000 });
    for (const vs of [one, two, one, two, one]) history.record(setOf(vs));
    const [a, b, c] = history.versions.map(({ id }) => id);
    expect(history.versions).toHaveLength(3);
    expect(a).toBe(c);
    expect(a).not.toBe(b);
    expect(history.find('')).toBeUndefined();
    const small = new History(clock, { versions: 100, bytes: 10 });
    for (const vs of [one, two, one]) small.record(setOf(vs));
    expect(small.versions).toHaveLength(1);
  });

  it('keeps no Secrets, and nothing with keys in it', () => {
    const secret = object('Secret', 'tls', { data: { 'tls.key': 'a2V5' } });
    const filter = object('EnvoyFilter', 'keys', { configPatches: [{ private_key: 'k' }] });
    const history = new History(systemClock);
    history.record(setOf(one));
    expect(history.record(setOf(one, secret, filter))).toBeUndefined();
    expect([...found(history, history.latest?.id)]).toEqual([one]);
  });

  it('tells differences, and how many proxies are at a version', () => {
    const history = new History(systemClock);
    const progress = new Progress();
    const proxy = (id: string, status: string): never => ({ status: { id, types: { RDS: { status } } } }) as never;
    history.record(setOf(one));
    progress.look([proxy('a', 'SYNCED'), proxy('b', 'SYNCED')], 1);
    history.record(setOf(two));
    const { versions } = changesPage(history, progress, [proxy('a', 'SYNCED'), proxy('b', 'NACKED')], 0, []);
    expect(versions.map(({ proxies, acknowledged, refused }) => [proxies, acknowledged, refused])).toEqual([
      [2, 1, 1],
      [2, 2, 0],
    ]);
    expect(versions[0]?.objects).toMatchObject([{ kind: 'VirtualService', name: 'reviews', change: 'modified' }]);
    expect(versions[0]?.objects[0]?.diff).toMatch(/^@@[\s\S]*-\s+- timeout: 1\n\+\s+- timeout: 2\n/);
  });
});

describe('rollback', () => {
  const { origin: _origin, ...kept } = one;
  const rollback: Rollback = { version: 'v', time: 0, by: 'me', objects: [kept], unreadable: [] };

  it('puts objects back, and leaves what is live', () => {
    const set = rolledBack(setOf(two, rule, entry), rollback);
    expect(set.objects.size).toBe(2);
    expect(set.objects.get(objectKey('VirtualService', 'default', 'reviews'))?.spec).toEqual(one.spec);
    expect(set.objects.get(objectKey('WorkloadEntry', 'default', 'reviews-v1'))).toBe(entry);
    expect(differing(setOf(two, rule, entry), rollback).map(({ kind, change }) => [kind, change])).toEqual([
      ['DestinationRule', 'added'],
      ['VirtualService', 'modified'],
    ]);
  });

  it('survives being written down', () => {
    const all = { id: 'x', rollback, bypasses: [{ namespace: 'default', mtls: true, time: 1, by: 'me' }] };
    expect(decodeInterventions(encodeInterventions(all))).toMatchObject(all);
    expect(() => decodeInterventions(Buffer.from('junk'))).toThrow(/cannot be read/);
    expect(() => decodeInterventions(encodeInterventions({ id: 'x', bypasses: [{}] as never }))).toThrow(/not what/);
    expect(occurrences(NO_INTERVENTIONS, all).map(({ reason }) => reason)).toEqual(['RolledBack', 'Bypassed']);
    expect(occurrences(all, NO_INTERVENTIONS).map(({ reason }) => reason)).toEqual(['Resumed', 'BypassLifted']);
  });
});

function found(history: History, name: string | undefined): Iterable<ConfigObject> {
  const version = history.find(name ?? '');
  if (version === undefined || version === 'several') throw new Error(`${name}: ${version}`);
  return version.objects.values();
}
