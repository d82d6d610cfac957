import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../common/runtime/testing.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import { compileCluster } from './compile-cluster.js';
import { OutsideHosts } from './outside-hosts.js';

const CLUSTER = {
  name: 'out',
  lb_policy: 'CLUSTER_PROVIDED',
  cluster_type: {
    name: 'envoy.clusters.dynamic_forward_proxy',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig',
      dns_cache_config: { name: 'c', dns_lookup_family: 'V4_ONLY', max_hosts: { value: 3 }, host_ttl: { seconds: 80 } },
    },
  },
} as unknown as Cluster;

function setup(addresses: Record<string, string>) {
  const compiled = compileCluster(CLUSTER, { compileTls: () => expect.fail('no TLS here') });
  if (!compiled.ok) throw new Error(compiled.errors.join());
  const clock = new ManualClock();
  let lookUps = 0;
  const hosts = new OutsideHosts(compiled.config, {
    clock,
    isOwnListener: (ip, port) => ip === '127.0.0.1' && port === 15_001,
    resolver: {
      resolve: (name) => {
        lookUps++;
        const found = addresses[name];
        return found === undefined ? Promise.reject(new Error('unknown')) : Promise.resolve([found]);
      },
    },
  });
  return { hosts, clock, lookUps: () => lookUps };
}

describe('hosts of a dynamic forward proxy', () => {
  it('are looked up once, and then there', async () => {
    const { hosts, lookUps } = setup({ 'a.test': '192.0.2.1' });
    expect(hosts.host('a.test')).toBeUndefined();
    const [first, second] = await Promise.all([hosts.prepare('a.test'), hosts.prepare('a.test')]);
    expect([first, second]).toEqual([undefined, undefined]);
    expect(hosts.host('a.test')).toMatchObject({ address: '192.0.2.1:80', hostname: 'a.test' });
    expect(hosts.prepare('a.test')).toBeUndefined();
    expect(lookUps()).toBe(1);
  });

  it('have the port of the authority, and may be addresses', async () => {
    const { hosts, lookUps } = setup({});
    await hosts.prepare('[2001:db8::1]:8080');
    expect(hosts.host('[2001:db8::1]:8080')?.address).toBe('[2001:db8::1]:8080');
    expect(lookUps()).toBe(0);
  });

  it.each([
    ['nowhere.test', 'unresolved'],
    ['', 'unresolved'],
    ['127.0.0.1:15001', 'own-listener'],
    ['me.test:15001', 'own-listener'],
  ])('%j cannot be had: %s', async (authority, failure) => {
    const { hosts } = setup({ 'me.test': '127.0.0.1' });
    expect(await hosts.prepare(authority)).toBe(failure);
    expect(hosts.host(authority)).toBeUndefined();
  });

  it('stay where they were found while a name cannot be found anew', async () => {
    const addresses: Record<string, string> = { 'a.test': '192.0.2.1' };
    const { hosts, clock } = setup(addresses);
    await hosts.prepare('a.test');
    delete addresses['a.test'];
    clock.advance(60_000);
    expect(hosts.prepare('a.test')).toBeUndefined();
    await Promise.resolve();
    expect(hosts.host('a.test')?.ip).toBe('192.0.2.1');
  });

  it('are forgotten when nobody asks for them, and not too many are kept', async () => {
    const { hosts, clock } = setup({});
    for (const n of [1, 2, 3]) await hosts.prepare(`192.0.2.${n}`);
    expect(await hosts.prepare('192.0.2.4')).toBe('overflow');
    clock.advance(120_000);
    expect(hosts.hosts()).toEqual([]);
    expect(await hosts.prepare('192.0.2.4')).toBeUndefined();
  });
});
