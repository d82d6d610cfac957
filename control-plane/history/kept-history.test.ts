import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { type ConfigObject, objectKey } from '../api/object.js';
import { ApiError, type KubernetesApi, type WatchEvent } from '../kubernetes/api.js';
import type { ConfigSet } from '../sources/source.js';
import { ClusterHistory } from './cluster-history.js';
import { FolderHistory } from './folder-history.js';
import { History } from './history.js';
import { decodeHistory, encodeHistory } from './stored-history.js';

const log = pino({ enabled: false });

function object(kind: string, name: string, spec: unknown): ConfigObject {
  const metadata = { name, namespace: 'default', labels: {}, annotations: {}, creationTimestamp: '', generation: 0 };
  const origin = { file: `/home/me/${name}.yaml`, line: 3 };
  return { apiVersion: 'networking.istio.io/v1', kind, metadata, spec, origin } as ConfigObject;
}

function setOf(...objects: readonly ConfigObject[]): ConfigSet {
  const entries = objects.map((one) => [objectKey(one.kind, 'default', one.metadata.name), one] as const);
  return { objects: new Map(entries), findings: [], unreadablePolicies: [] };
}

const route = (timeout: number): ConfigObject =>
  object('VirtualService', 'reviews', { hosts: ['reviews'], http: [{ timeout }] });
const ids = (history: History): string[] => history.versions.map(({ id }) => id);

function historyOf(...timeouts: readonly number[]): History {
  const history = new History(systemClock);
  for (const timeout of timeouts) history.record(setOf(route(timeout)));
  return history;
}

describe('a history that is written down', () => {
  it('is the same when it is read', async () => {
    const before = historyOf(1, 2, 3);
    const after = new History(systemClock);
    after.adopt(await decodeHistory((await encodeHistory(before.whole, 100_000)) ?? Buffer.alloc(0)));
    expect(ids(after)).toEqual(ids(before));
    expect(after.versions.map(({ number, time }) => [number, time])).toEqual(
      before.versions.map(({ number, time }) => [number, time]),
    );
    expect(after.record(setOf(route(3)))).toBeUndefined();
    const [first] = ids(before);
    const found = after.find(first ?? '');
    if (found === undefined || found === 'several') throw new Error('not found');
    expect([...found.objects.values()].map(({ spec }) => spec)).toEqual([route(1).spec]);
    // What was changed while nobody ran is a version, too.
    expect(after.record(setOf(route(9)))?.changes).toHaveLength(1);
    expect(after.latest?.number).toBe(4);
  });

  it('is bounded, loses the oldest first, and holds no secrets', async () => {
    const random = (): string => Array.from({ length: 300 }, () => Math.random().toString(36)).join('');
    const history = new History(systemClock);
    for (let i = 0; i < 20; i++)
      history.record(
        setOf(
          object('VirtualService', 'a', { hosts: [random()] }),
          object('Secret', 'tls', { data: { 'tls.key': 'a2V5' } }),
          object('EnvoyFilter', 'keys', { configPatches: [{ private_key: 'PRIVATE-BYTES' }] }),
        ),
      );
    const bytes = (await encodeHistory(history.whole, 30_000)) ?? Buffer.alloc(0);
    expect(bytes.length).toBeLessThanOrEqual(30_000);
    const { versions } = await decodeHistory(bytes);
    expect(versions.length).toBeLessThan(20);
    expect(versions.at(-1)?.id).toBe(history.latest?.id);
    const text = gunzipSync(bytes).toString('utf8');
    for (const secret of ['Secret', 'tls.key', 'PRIVATE-BYTES', '/home/me']) expect(text).not.toContain(secret);
    expect(await encodeHistory(history.whole, 10)).toBeUndefined();
  });

  it.each([
    ['junk', Buffer.from('junk')],
    ['nothing', Buffer.alloc(0)],
  ])('%s is refused', async (_name, bytes) => {
    await expect(decodeHistory(bytes)).rejects.toThrow(/cannot be read/);
  });
});

describe('on a machine', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weft-history-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is there after a restart', async () => {
    const first = new History(systemClock);
    const kept = new FolderHistory(folder, first, systemClock, log);
    await kept.load();
    for (const timeout of [1, 2]) if (first.record(setOf(route(timeout))) !== undefined) kept.changed();
    await kept.stop();
    const file = join(folder, 'history.json.gz');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const second = new History(systemClock);
    await new FolderHistory(folder, second, systemClock, log).load();
    expect(ids(second)).toEqual(ids(first));
    await writeFile(file, (await readFile(file)).subarray(0, 40));
    const third = new History(systemClock);
    await new FolderHistory(folder, third, systemClock, log).load();
    expect(third.versions).toEqual([]);
  });
});

describe('in a cluster', () => {
  it('is the same at every replica, whoever leads, and after all of them are gone', async () => {
    const api = new OneMap();
    const stop = new AbortController();
    const replica = async (): Promise<{ history: History; kept: ClusterHistory; set: (timeout: number) => void }> => {
      const history = new History(systemClock);
      const kept = new ClusterHistory({
        api: api as unknown as KubernetesApi,
        namespace: 'istio-system',
        history: () => history,
        clock: systemClock,
        random: Math.random,
        log,
      });
      await kept.start(stop.signal);
      const set = (timeout: number): void => {
        if (history.record(setOf(route(timeout))) !== undefined) kept.changed();
      };
      return { history, kept, set };
    };
    const [a, b] = [await replica(), await replica()];
    const leadership = new AbortController();
    const leads = a.kept.run(leadership.signal);
    for (const one of [a, b]) one.set(1);
    for (const one of [a, b]) one.set(2);
    await expect
      .poll(() => [ids(a.history), ids(b.history)], { timeout: 8000 })
      .toEqual([ids(historyOf(1, 2)), ids(historyOf(1, 2))]);
    await expect
      .poll(() => b.history.versions.map(({ time }) => time), { timeout: 8000 })
      .toEqual(a.history.versions.map(({ time }) => time));
    leadership.abort();
    await leads;
    const next = b.kept.run(stop.signal);
    for (const one of [a, b]) one.set(3);
    const c = await replica();
    await expect.poll(() => ids(c.history), { timeout: 8000 }).toEqual(ids(historyOf(1, 2, 3)));
    expect(ids(a.history)).toEqual(ids(historyOf(1, 2, 3)));
    c.set(3);
    expect(c.history.versions).toHaveLength(3);
    stop.abort();
    await next;
  });
});

/** An API server with one ConfigMap, which it lists, watches and does not let be overwritten blindly. */
class OneMap {
  private version = 1;
  private object: { metadata: { resourceVersion?: string } } | undefined;
  private readonly watchers = new Set<(event: WatchEvent) => void>();

  request({ method, path, body }: { method: string; path: string; body?: object }): Promise<unknown> {
    const single = path.endsWith('/weft-history');
    if (method === 'GET' && !single)
      return Promise.resolve({
        metadata: { resourceVersion: `${this.version}` },
        items: this.object ? [this.object] : [],
      });
    if (method === 'GET')
      return this.object ? Promise.resolve(this.object) : Promise.reject(new ApiError('not there', 404));
    const sent = body as { metadata: { resourceVersion?: string } };
    if (sent.metadata.resourceVersion !== this.object?.metadata.resourceVersion)
      return Promise.reject(new ApiError('another was faster', 409));
    this.version++;
    this.object = { ...sent, metadata: { ...sent.metadata, resourceVersion: `${this.version}` } };
    for (const tell of this.watchers) tell({ type: 'MODIFIED', object: this.object } as WatchEvent);
    return Promise.resolve(this.object);
  }

  watch(_where: object, signal: AbortSignal, tell: (event: WatchEvent) => void): Promise<void> {
    this.watchers.add(tell);
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }
}
