import { describe, expect, it } from 'vitest';
import { createLogger } from '../../common/runtime/log.js';
import { ManualClock } from '../../common/runtime/testing.js';
import { toStruct } from '../../common/xds/struct.js';
import { ApiError, type ApiRequest, type KubernetesApi } from '../kubernetes/api.js';
import type { ProxyNode } from '../model/proxy-node.js';
import { configSet } from '../translate/testing/case.js';
import { readNode } from '../xds/node.js';
import { ClusterEntries } from './cluster-entries.js';
import { groupIn, type RegisteredEntry, Registrar } from './registrar.js';

const GROUP = `
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: reviews, namespace: shop}
spec:
  metadata: {labels: {app: reviews}, annotations: {note: kept}}
  template: {ports: {http: 9080}, serviceAccount: reviews, network: vms, labels: {version: v1}}
`;

function node(metadata: Record<string, string> = {}, id = 'sidecar~10.0.0.7~vm-1.shop~shop.svc'): ProxyNode {
  const all = { AUTO_REGISTER_GROUP: 'reviews', SERVICE_ACCOUNT: 'reviews', LABELS: { zone: 'a' }, ...metadata };
  return readNode({ id, metadata: toStruct(all) as never });
}

function setUp(yaml = GROUP) {
  const clock = new ManualClock();
  const kept: RegisteredEntry[][] = [];
  let set = configSet(yaml);
  const registrar = new Registrar({
    groupOf: (namespace, name) => groupIn(set, namespace, name),
    store: {
      keep: (entries) => {
        kept.push([...entries]);
        return Promise.resolve();
      },
    },
    clock,
    log: createLogger('test', 'silent'),
  });
  const names = (): string[] | undefined => kept.at(-1)?.map(({ metadata }) => metadata.name);
  return { clock, kept, names, registrar, replace: (text: string) => (set = configSet(text)) };
}

describe('a proxy that joins by a WorkloadGroup', () => {
  it('is named as Istio names its entry', () => {
    expect(node().workload).toBe('reviews-10.0.0.7');
    expect(node({ NETWORK: 'vms', INSTANCE_IPS: '2001:db8::1,10.0.0.7' }).workload).toBe('reviews-2001-db8--1-vms');
  });

  it('is made of the template and of what it says', () => {
    const { registrar, kept } = setUp();
    registrar.connected(node({ INTERCEPTION_MODE: 'NONE' }));
    expect(kept.at(-1)?.[0]).toMatchObject({
      metadata: {
        name: 'reviews-10.0.0.7',
        namespace: 'shop',
        labels: { app: 'reviews' },
        annotations: {
          note: 'kept',
          'istio.io/autoRegistrationGroup': 'reviews',
          'sidecar.istio.io/interceptionMode': 'NONE',
        },
      },
      spec: {
        address: '10.0.0.7',
        ports: { http: 9080 },
        serviceAccount: 'reviews',
        network: 'vms',
        labels: { app: 'reviews', version: 'v1', zone: 'a' },
      },
    });
  });

  it('stays for a while when its connection ends, and goes after that', () => {
    const { registrar, clock, names } = setUp();
    registrar.connected(node());
    registrar.disconnected(node());
    clock.advance(9_000);
    registrar.connected(node());
    clock.advance(60_000);
    expect(names()).toEqual(['reviews-10.0.0.7']);
    registrar.connected(node());
    registrar.disconnected(node());
    registrar.disconnected(node());
    clock.advance(10_000);
    expect(names()).toEqual([]);
  });

  it('joins when its group comes, and follows it', () => {
    const { registrar, names, kept, replace } = setUp('');
    registrar.connected(node());
    expect(names()).toBeUndefined();
    replace(GROUP);
    registrar.reconsider();
    expect(names()).toEqual(['reviews-10.0.0.7']);
    replace(GROUP.replace('9080', '9090'));
    registrar.reconsider();
    expect(kept.at(-1)?.[0]?.spec.ports).toEqual({ http: 9090 });
  });

  it.each([
    ['of another account', { SERVICE_ACCOUNT: 'stranger' }],
    ['of a group that is not there', { AUTO_REGISTER_GROUP: 'nobody' }],
  ])('is none when it is %s', async (_what, metadata) => {
    const { registrar, names } = setUp();
    registrar.connected(node(metadata));
    expect(names()).toBeUndefined();
    await expect(registrar.reserve(node(metadata), 1000)).rejects.toThrow(/WorkloadGroup/);
  });

  it('has a place kept for it', async () => {
    const { registrar, clock, names } = setUp();
    await registrar.reserve(node(), 60_000);
    expect(names()).toEqual(['reviews-10.0.0.7']);
    clock.advance(60_000);
    expect(names()).toEqual([]);
  });
});

describe('entries in a cluster', () => {
  function cluster() {
    const calls: string[] = [];
    const objects = new Map<string, { metadata: { annotations: Record<string, string> } }>();
    const request = ({ method, path, body }: ApiRequest): Promise<never> => {
      calls.push(`${method} ${path.replace(/.*namespaces/, '')}`);
      const sent = body as { metadata: { name: string; annotations: Record<string, string> } };
      const at = method === 'POST' ? `${path}/${sent.metadata.name}` : path;
      const known = objects.get(at);
      if (method === 'POST' && known !== undefined) return Promise.reject(new ApiError('there', 409));
      if (method !== 'POST' && known === undefined) return Promise.reject(new ApiError('gone', 404));
      if (method === 'POST' || method === 'PATCH') objects.set(at, sent);
      if (method === 'DELETE') objects.delete(at);
      return Promise.resolve((known ?? {}) as never);
    };
    const api: KubernetesApi = { request, watch: () => Promise.resolve() };
    return {
      calls,
      objects,
      store: (replica: string) => new ClusterEntries({ api, replica, clock: new ManualClock() }),
    };
  }

  const entry = (): RegisteredEntry => {
    const { registrar, kept } = setUp();
    registrar.connected(node());
    return kept[0]?.[0] as RegisteredEntry;
  };

  it('are made once and taken away', async () => {
    const { calls, objects, store } = cluster();
    const one = store('a');
    await one.keep([entry()]);
    await one.keep([entry()]);
    expect(calls).toEqual(['POST /shop/workloadentries']);
    await one.keep([]);
    expect(objects.size).toBe(0);
  });

  it('belong to the replica that took them over', async () => {
    const { objects, store } = cluster();
    const [one, two] = [store('a'), store('b')];
    await one.keep([entry()]);
    await two.keep([entry()]);
    await one.keep([]);
    expect([...objects.values()].map(({ metadata }) => metadata.annotations['istio.io/workloadController'])).toEqual([
      'b',
    ]);
  });
});
