import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { trimCustom } from '../sources/kubernetes/trim.js';
import { Reflector, type ReflectorLimits, type ReflectorState } from './reflector.js';
import type { RawObject, Resource } from './resource.js';
import { FakeApiServer } from './testing/fake-api-server.js';

const V1 = '/apis/networking.istio.io/v1/virtualservices';
const V1BETA1 = '/apis/networking.istio.io/v1beta1/virtualservices';
const DEFINITION = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/virtualservices.networking.istio.io';
const RESOURCE: Resource = {
  kind: 'VirtualService',
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1'],
  plural: 'virtualservices',
  custom: true,
  trim: trimCustom,
};
const QUICK = { baseMs: 5, maxMs: 40, absentMs: 40 };

function virtualService(name: string, host = name) {
  const metadata = { name, namespace: 'default' };
  return { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata, spec: { hosts: [host] } };
}

class Recorder {
  readonly hosts = new Map<string, unknown>();
  readonly states: ReflectorState['kind'][] = [];
  replaced = 0;
  last: RawObject | undefined;

  replace(objects: readonly RawObject[]): void {
    this.replaced++;
    this.hosts.clear();
    for (const object of objects) this.upsert(object);
  }

  upsert(object: RawObject): void {
    this.last = object;
    const { metadata, spec } = object as { metadata: { name: string }; spec: { hosts: unknown[] } };
    this.hosts.set(metadata.name, spec.hosts[0]);
  }

  remove(object: RawObject): void {
    this.hosts.delete((object as { metadata: { name: string } }).metadata.name);
  }

  state({ kind }: ReflectorState): void {
    this.states.push(kind);
  }
}

describe('Reflector', () => {
  let server: FakeApiServer;
  let target: Recorder;
  let reflector: Reflector | undefined;

  beforeEach(async () => {
    server = new FakeApiServer();
    target = new Recorder();
    await server.start();
    server.define(V1);
  });
  afterEach(async () => {
    await reflector?.stop();
    await server.stop();
  });

  function reflect(limits: Partial<ReflectorLimits> = {}): Reflector {
    reflector = new Reflector({
      api: server.client(),
      resource: RESOURCE,
      target,
      clock: systemClock,
      random: Math.random,
      limits: { ...QUICK, ...limits },
    });
    reflector.start();
    return reflector;
  }

  const sees = (...names: string[]) => vi.waitFor(() => expect([...target.hosts.keys()].sort()).toEqual(names), 10_000);
  const watches = (path = V1) => vi.waitFor(() => expect(server.watching(path)).toBe(1), 10_000);

  it('lists in pages, drops what nobody reads, and follows changes', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) server.put(V1, virtualService(name));
    reflect({ pageSize: 2 });
    await sees('a', 'b', 'c', 'd', 'e');
    expect(server.requests.filter((line) => line.startsWith('LIST'))).toEqual([
      `LIST ${V1}`,
      `LIST ${V1} 2`,
      `LIST ${V1} 4`,
    ]);
    await watches();

    server.put(V1, virtualService('a', 'other'));
    server.put(V1, virtualService('f'));
    server.delete(V1, 'default', 'b');
    await sees('a', 'c', 'd', 'e', 'f');
    expect(target.hosts.get('a')).toBe('other');
    expect(JSON.stringify(target.last)).not.toContain('managedFields');
    expect(target.states).toEqual(['synced']);
  });

  it('reads everything at once when the first pages have grown too old to go on', async () => {
    for (const name of ['a', 'b', 'c']) server.put(V1, virtualService(name));
    server.expireContinue();
    reflect({ pageSize: 2 });
    await sees('a', 'b', 'c');
    expect(target.replaced).toBe(1);
  });

  it('resumes where it was after a lost connection, without listing', async () => {
    reflect();
    await watches();
    server.cut();
    server.put(V1, virtualService('a'));
    await sees('a');
    expect(target.replaced).toBe(1);
  });

  it('resumes from a bookmark when what was seen before is forgotten', async () => {
    reflect();
    await watches();
    server.define('/api/v1/pods');
    server.put('/api/v1/pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } });
    server.bookmark();
    await vi.waitFor(() => expect(target.states).toEqual(['synced']));
    server.compact();
    server.cut();
    await watches();
    server.put(V1, virtualService('a'));
    await sees('a');
    expect(target.replaced).toBe(1);
  });

  it.each([
    ['as status of the answer', undefined],
    ['as an event', 410],
  ])('lists again after 410 %s', async (_, code) => {
    server.put(V1, virtualService('a'));
    reflect();
    await watches();
    // Gone while nobody watched: only a list can tell.
    server.mute(V1);
    server.delete(V1, 'default', 'a');
    server.put(V1, virtualService('b'));
    server.compact();
    server.cut(V1, code);
    await sees('b');
    expect(target.replaced).toBe(2);
  });

  it('keeps what it has while the server is down, and follows it when it is back', async () => {
    server.put(V1, virtualService('a'));
    reflect();
    await watches();
    await server.stop();
    await vi.waitFor(() => expect(target.states.at(-1)).toBe('failing'));
    expect([...target.hosts.keys()]).toEqual(['a']);
    await server.start();
    await watches();
    server.put(V1, virtualService('b'));
    await sees('a', 'b');
    expect(target.states.at(-1)).toBe('synced');
  });

  it('leaves a connection that is half open', async () => {
    reflect({ silenceMs: 150 });
    await watches();
    server.mute(V1);
    server.put(V1, virtualService('a'));
    await sees('a');
    expect(target.replaced).toBe(1);
  });

  it('reads another version where the first is not served', async () => {
    server.undefine(V1);
    server.define(V1BETA1);
    server.put(V1BETA1, virtualService('a'));
    reflect();
    await sees('a');
  });

  it('waits for a kind that is not defined, and looks when it is told that it may be there', async () => {
    server.undefine(V1);
    const waiting = reflect({ absentMs: 1_000_000 });
    await vi.waitFor(() => expect(target.states).toEqual(['missing']));
    waiting.wake();
    server.define(V1);
    server.put(V1, virtualService('a'));
    await sees('a');
    expect(target.states).toEqual(['missing', 'synced']);
  });

  it('withdraws the objects of a kind only when its definition is gone', async () => {
    server.define(DEFINITION);
    server.put(V1, virtualService('a'));
    reflect();
    await watches();
    server.undefine(V1);
    await vi.waitFor(() => expect(target.states.at(-1)).toBe('failing'));
    expect([...target.hosts.keys()]).toEqual(['a']);
    server.undefine(DEFINITION);
    await sees();
    expect(target.states.at(-1)).toBe('missing');
    server.define(V1);
    server.put(V1, virtualService('b'));
    await sees('b');
  });

  it('says that it may not read a kind, keeps what it has, and reads it when it may', async () => {
    server.put(V1, virtualService('a'));
    reflect();
    await watches();
    server.forbid(V1);
    server.cut();
    await vi.waitFor(() => expect(target.states.at(-1)).toBe('forbidden'));
    expect([...target.hosts.keys()]).toEqual(['a']);
    server.allow(V1);
    server.put(V1, virtualService('b'));
    await sees('a', 'b');
    expect(target.states.at(-1)).toBe('synced');
  });

  it('tells nothing more after its stop', async () => {
    const stopped = reflect();
    await watches();
    await stopped.stop();
    server.put(V1, virtualService('a'));
    server.cut();
    await vi.waitFor(() => expect(server.watching(V1)).toBe(0));
    expect([...target.hosts.keys()]).toEqual([]);
  });
});
