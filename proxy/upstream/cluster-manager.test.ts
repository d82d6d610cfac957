import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../common/runtime/testing.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { ClusterLoadAssignment } from '../../proto/gen/envoy/config/endpoint/v3/ClusterLoadAssignment.js';
import type { LbEndpoint } from '../../proto/gen/envoy/config/endpoint/v3/LbEndpoint.js';
import { ClusterManager } from './cluster-manager.js';
import { clusterSummaries } from './cluster-views.js';
import { plainDialer } from './dialer.js';

let clock: ManualClock;
let names: Map<string, readonly string[]>;
let changes: number;
let manager: ClusterManager;
beforeEach(() => {
  clock = new ManualClock();
  names = new Map();
  changes = 0;
  manager = new ClusterManager({
    clock,
    random: () => 0,
    dialer: plainDialer(clock),
    resolver: {
      resolve: (name) => {
        const found = names.get(name);
        return found === undefined ? Promise.reject(new Error('no such name')) : Promise.resolve(found);
      },
    },
    log: pino({ level: 'silent' }),
    compileTls: () => {
      throw new Error('no TLS here');
    },
    onChange: () => changes++,
  });
});

const pick = { hash: undefined, avoid: [], avoidAttempts: 0 };

function eds(name: string, more: Cluster = {}): Cluster {
  return { name, type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } }, ...more };
}

function cds(upserts: readonly Cluster[], removals: readonly string[] = []): readonly unknown[] {
  const map = new Map(upserts.map((message) => [message.name ?? '', message]));
  return manager.cds.apply({ upserts: map, removals, version: '1' });
}

function endpoint(address: string, more: LbEndpoint = {}): LbEndpoint {
  return { endpoint: { address: { socket_address: { address, port_value: 80 } } }, ...more };
}

function endpoints(name: string, ...list: LbEndpoint[]): readonly unknown[] {
  const message: ClusterLoadAssignment = { cluster_name: name, endpoints: [{ lb_endpoints: list }] };
  return manager.eds.apply({ upserts: new Map([[name, message]]), removals: [], version: '7' });
}

describe('CDS and EDS', () => {
  it('asks for the endpoints of a new cluster and uses it when they have come', () => {
    expect(cds([eds('a'), eds('b', { eds_cluster_config: { service_name: 'other' } })])).toEqual([]);
    expect(manager.edsNames()).toEqual(['a', 'other']);
    expect(manager.get('a')).toBeUndefined();
    expect(manager.allWarm()).toBe(false);
    endpoints('a', endpoint('10.0.0.1'));
    expect(manager.get('a')?.chooseHost(pick)?.address).toBe('10.0.0.1:80');
    expect(manager.get('b')).toBeUndefined();
    expect(changes).toBe(2);
  });

  it('keeps hosts that stay, and drains the pools of those that go', () => {
    cds([eds('a')]);
    endpoints('a', endpoint('10.0.0.1'), endpoint('10.0.0.2'));
    manager.get('a')!.chooseHost(pick);
    const [first, second] = manager.get('a')!.hosts;
    let drained = 0;
    second!.pool = { drain: () => drained++ };
    first!.stats.total = 5;
    endpoints('a', endpoint('10.0.0.3'), endpoint('10.0.0.1', { load_balancing_weight: { value: 7 } }));
    const hosts = manager.get('a')!.hosts;
    expect(hosts.map((host) => host.address)).toEqual(['10.0.0.3:80', '10.0.0.1:80']);
    expect(hosts[1]).toBe(first);
    expect(first).toMatchObject({ weight: 7, stats: { total: 5 } });
    expect(drained).toBe(1);
  });

  it('goes on with its hosts when the cluster changes', () => {
    cds([eds('a')]);
    endpoints('a', endpoint('10.0.0.1'));
    const cluster = manager.get('a')!;
    const host = cluster.chooseHost(pick);
    cds([eds('a', { circuit_breakers: { thresholds: [{ max_retries: { value: 9 } }] } })]);
    expect(manager.get('a')).toBe(cluster);
    expect(cluster.hosts[0]).toBe(host);
    expect(cluster.resources('default').maxRetries).toBe(9);
  });

  it('has another revision after clusters changed, not after endpoints did', () => {
    cds([eds('a'), eds('b', { eds_cluster_config: { service_name: 'a' } })]);
    const { revision } = manager;
    endpoints('a', endpoint('10.0.0.1'));
    expect(manager.revision).toBe(revision);
    // Both use what came.
    for (const name of ['a', 'b']) expect(manager.get(name)?.hosts).toHaveLength(1);
    cds([eds('b')], ['a']);
    expect(manager.revision).not.toBe(revision);
    expect(manager.edsNames()).toEqual(['b']);
  });

  it('shows the traffic of each cluster, where there was any', () => {
    cds([eds('a'), eds('b')]);
    const requests = (): number[] => clusterSummaries(manager).map(({ traffic }) => traffic.requests);
    expect(requests()).toEqual([0, 0]);
    endpoints('a', endpoint('10.0.0.1'));
    manager.get('a')!.traffic.requests++;
    expect(requests()).toEqual([1, 0]);
  });

  it('counts hosts that sleep as it does those that are awake', () => {
    cds([eds('a')]);
    const tallies = (): unknown[] => clusterSummaries(manager).map(({ tally }) => tally);
    expect(tallies()).toEqual([{ hosts: 0, sound: 0, healthy: 0, ejected: 0 }]);
    const sick = endpoint('10.0.0.1', { health_status: 'UNHEALTHY' });
    endpoints('a', sick, endpoint('10.0.0.2', { health_status: 'DEGRADED' }), endpoint('10.0.0.3'));
    const asleep = tallies();
    expect(asleep).toEqual([{ hosts: 3, sound: 1, healthy: 2, ejected: 0 }]);
    manager.get('a')!.chooseHost(pick);
    expect(tallies()).toEqual(asleep);
    manager.get('a')!.hosts[2]!.ejected = true;
    expect(tallies()).toEqual([{ hosts: 3, sound: 0, healthy: 1, ejected: 1 }]);
    endpoints('a', sick);
    expect(tallies()).toEqual([{ hosts: 1, sound: 0, healthy: 0, ejected: 0 }]);
  });

  it('counts anew when other endpoints come to a cluster that sleeps', () => {
    cds([eds('a')]);
    endpoints('a', endpoint('10.0.0.1'));
    const hosts = (): number[] => clusterSummaries(manager).map(({ tally }) => tally.hosts);
    expect(hosts()).toEqual([1]);
    endpoints('a', endpoint('10.0.0.1'), endpoint('10.0.0.2'));
    expect(hosts()).toEqual([2]);
  });

  it('makes hosts at the first request, of what holds then, and shows them before', () => {
    cds([eds('a')]);
    endpoints('a', endpoint('10.0.0.1'));
    endpoints('a', endpoint('10.0.0.2'), endpoint('10.0.0.3'));
    const cluster = manager.get('a')!;
    expect(cluster.hosts.map((host) => host.address)).toEqual(['10.0.0.2:80', '10.0.0.3:80']);
    expect(cluster.hosts[0]).not.toBe(cluster.hosts[0]);
    cds([eds('a', { lb_policy: 'ROUND_ROBIN' })]);
    const chosen = [cluster.chooseHost(pick), cluster.chooseHost(pick)];
    expect(new Set(chosen)).toEqual(new Set(cluster.hosts));
    endpoints('a', endpoint('10.0.0.3'));
    expect(cluster.chooseHost(pick)).toBe(cluster.hosts[0]);
    expect(chosen).toContain(cluster.hosts[0]);
  });

  it.each<[string, Cluster]>([
    ['outlier detection', { outlier_detection: {} }],
    ['warming up', { round_robin_lb_config: { slow_start_config: { slow_start_window: { seconds: 5 } } } }],
  ])('makes hosts at once where there is %s', (_, more) => {
    cds([eds('a', more)]);
    endpoints('a', endpoint('10.0.0.1'));
    const [host] = manager.get('a')!.hosts;
    expect(manager.get('a')!.hosts[0]).toBe(host);
    // And from the moment at which a changed cluster begins to need them.
    cds([eds('b')]);
    endpoints('b', endpoint('10.0.0.1'));
    cds([eds('b', more)]);
    expect(manager.get('b')!.hosts[0]).toBe(manager.get('b')!.hosts[0]);
  });

  it('keeps the last good state of what is broken, and takes the rest', () => {
    cds([eds('a', { connect_timeout: { seconds: 1 } })]);
    endpoints('a', endpoint('10.0.0.1'));
    const errors = cds([
      eds('a', {
        connect_timeout: { seconds: 2 },
        lb_policy: 'LOAD_BALANCING_POLICY_CONFIG',
        filters: [{ name: 'x' }],
      }),
      eds('b'),
    ]);
    expect(errors).toEqual([
      { resource: 'a', message: expect.stringContaining('lb_policy: ') },
      { resource: 'a', message: 'filters: upstream network filters are not supported' },
    ]);
    expect(manager.get('a')!.settings.connectTimeoutMs).toBe(1000);
    expect(manager.edsNames()).toEqual(['a', 'b']);
    expect(endpoints('a', endpoint('not an address'))).toHaveLength(1);
    expect(manager.get('a')!.hosts).toHaveLength(1);
  });

  it('removes clusters, but none of the bootstrap', () => {
    manager.addStatic([{ name: 'fixed', type: 'STATIC' }]);
    cds([eds('a')]);
    endpoints('a', endpoint('10.0.0.1'));
    cds([], ['a', 'fixed']);
    expect(manager.get('a')).toBeUndefined();
    expect(manager.get('fixed')).toBeDefined();
    expect(manager.edsNames()).toEqual([]);
    cds([eds('a')]);
    expect(manager.get('a')).toBeUndefined();
  });

  it('reads what endpoints say about themselves', () => {
    cds([eds('a')]);
    const text = (value: string): object => ({ stringValue: value });
    const metadata = {
      filter_metadata: {
        istio: { fields: { workload: text('reviews-v1;default;reviews;v1;Kubernetes') } },
        'envoy.transport_socket_match': { fields: { tlsMode: text('istio') } },
      },
    };
    endpoints('a', endpoint('10.0.0.1', { metadata }));
    const host = manager.get('a')!.hosts[0]!;
    expect(host.meshTls).toBe(true);
    expect(host.workload).toEqual({
      workload: 'reviews-v1',
      namespace: 'default',
      canonicalService: 'reviews',
      canonicalRevision: 'v1',
      app: 'reviews',
      version: 'v1',
      cluster: 'Kubernetes',
    });
  });
});

describe('health', () => {
  it('chooses healthy hosts, and all of them below the panic threshold', () => {
    cds([eds('a')]);
    const sick = { health_status: 'UNHEALTHY' } as const;
    endpoints('a', endpoint('10.0.0.1'), endpoint('10.0.0.2', sick));
    const picks = (): Set<string | undefined> =>
      new Set(Array.from({ length: 8 }, () => manager.get('a')?.chooseHost(pick)?.address));
    expect(picks()).toEqual(new Set(['10.0.0.1:80']));
    endpoints('a', endpoint('10.0.0.1'), endpoint('10.0.0.2', sick), endpoint('10.0.0.3', sick));
    expect(picks()).toEqual(new Set(['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80']));
  });

  it('has no host without panic when all are unhealthy', () => {
    cds([eds('a', { common_lb_config: { healthy_panic_threshold: {} } })]);
    endpoints('a', endpoint('10.0.0.1', { health_status: 'UNHEALTHY' }));
    expect(manager.get('a')!.chooseHost(pick)).toBeUndefined();
  });
});

describe('ORIGINAL_DST', () => {
  it('sends where it is told, and forgets addresses that nobody uses', () => {
    cds([{ name: 'pass', type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED' }]);
    const cluster = manager.get('pass')!;
    const host = cluster.chooseHost({ ...pick, destination: '10.1.2.3:99' });
    expect(host).toMatchObject({ address: '10.1.2.3:99', ip: '10.1.2.3', port: 99 });
    expect(cluster.chooseHost({ ...pick, destination: '10.1.2.3:99' })).toBe(host);
    expect(cluster.chooseHost({ ...pick, destination: 'example.com:99' })).toBeUndefined();
    clock.advance(10_000);
    expect(cluster.hosts).toEqual([]);
  });
});

describe('DNS', () => {
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const dns = (type: 'STRICT_DNS' | 'LOGICAL_DNS'): Cluster => ({
    name: 'd',
    type,
    dns_lookup_family: 'V4_ONLY',
    load_assignment: { cluster_name: 'd', endpoints: [{ lb_endpoints: [endpoint('db.example')] }] },
  });

  it('takes all addresses, looks again, and keeps the last ones when that fails', async () => {
    names.set('db.example', ['10.0.0.2', '10.0.0.1']);
    cds([dns('STRICT_DNS')]);
    await settled();
    expect(manager.get('d')!.hosts.map((host) => host.ip)).toEqual(['10.0.0.1', '10.0.0.2']);
    names.delete('db.example');
    clock.advance(5000);
    await settled();
    expect(manager.get('d')!.hosts).toHaveLength(2);
    names.set('db.example', ['10.0.0.9']);
    clock.advance(5000);
    await settled();
    expect(manager.get('d')!.hosts.map((host) => host.address)).toEqual(['10.0.0.9:80']);
    expect(manager.get('d')!.hosts[0]!.hostname).toBe('db.example');
  });

  it('takes the first address of a logical name', async () => {
    names.set('db.example', ['10.0.0.2', '10.0.0.1']);
    cds([dns('LOGICAL_DNS')]);
    await settled();
    expect(manager.get('d')!.hosts.map((host) => host.ip)).toEqual(['10.0.0.2']);
  });

  it('is usable, without hosts, when the first look-up fails', async () => {
    cds([dns('STRICT_DNS')]);
    await settled();
    expect(manager.get('d')!.hosts).toEqual([]);
  });
});

it('shows its state', () => {
  const list = [endpoint('10.0.0.1'), endpoint('10.0.0.2', { health_status: 'UNHEALTHY' })];
  manager.addStatic([
    { name: 's', type: 'STATIC', load_assignment: { cluster_name: 's', endpoints: [{ lb_endpoints: list }] } },
  ]);
  cds([eds('a')]);
  expect(clusterSummaries(manager)).toMatchObject([
    {
      name: 's',
      addedViaApi: false,
      defaultResources: { maxRetries: 3 },
      hosts: [
        { host: { address: '10.0.0.1:80' }, healthFlags: [] },
        { host: { address: '10.0.0.2:80' }, healthFlags: ['/failed_eds_health'] },
      ],
    },
    { name: 'a', addedViaApi: true, hosts: [] },
  ]);
});

it('uses a cluster without hosts when its endpoints do not come in time', () => {
  cds([eds('a')]);
  clock.advance(14_999);
  expect(manager.get('a')).toBeUndefined();
  clock.advance(1);
  expect(manager.get('a')?.hosts).toEqual([]);
  endpoints('a', endpoint('10.0.0.1'));
  expect(manager.get('a')?.hosts).toHaveLength(1);
});
