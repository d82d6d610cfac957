import { describe, expect, it } from 'vitest';
import { withAutomaticAddresses } from './automatic-addresses.js';
import type { Service } from './service.js';

function service(host: string, over: Partial<Service> = {}): Service {
  return {
    host,
    namespace: 'default',
    name: host,
    ports: [],
    addresses: [],
    automaticAddresses: [],
    headless: false,
    resolution: 'dns',
    external: true,
    exportTo: new Set(['*']),
    subjectAltNames: [],
    endpoints: [],
    object: `ServiceEntry default/${host}`,
    creationTimestamp: '2024-01-01T00:00:00Z',
    ...over,
  };
}

const given = (services: readonly Service[], out: readonly string[] = []): Record<string, readonly string[]> =>
  Object.fromEntries(withAutomaticAddresses(services, new Set(out)).map((one) => [one.host, one.automaticAddresses]));

describe('automatic addresses', () => {
  it('are of Istio’s ranges, and the same whatever else there is', () => {
    const alone = given([service('a.example.com')])['a.example.com'];
    expect(alone).toEqual([expect.stringMatching(/^240\.240\.\d+\.\d+$/), expect.stringMatching(/^2001:2::f0f0:/)]);
    const among = given(
      Array.from({ length: 500 }, (_, i) => service(`${i}.example.com`)).concat(service('a.example.com')),
    );
    expect(among['a.example.com']).toEqual(alone);
    expect(new Set(Object.values(among).map(String)).size).toBe(501);
  });

  it('differ by thousands of hosts, the older of two keeping its own', () => {
    const many = Array.from({ length: 5_000 }, (_, i) => service(`${i}.example.com`));
    const before = given(many);
    expect(new Set(Object.values(before).map(String)).size).toBe(5_000);
    const later = Array.from({ length: 5_000 }, (_, i) =>
      service(`a${i}.example.com`, { creationTimestamp: '2025-01-01T00:00:00Z' }),
    );
    expect(given([...later, ...many])).toMatchObject(before);
  });

  it.each([
    ['an address', service('a', { addresses: ['10.0.0.1'] })],
    ['a wildcard', service('*.example.com')],
    ['resolution NONE', service('a', { resolution: 'none' })],
    ['a Kubernetes Service', service('a', { object: 'Service default/a' })],
    ['a host that is an address', service('10.0.0.7')],
  ])('are not for %s', (_, one) => expect(Object.values(given([one]))).toEqual([[]]));

  it('are not for who asked for none, nor those that somebody has', () => {
    expect(given([service('a')], ['ServiceEntry default/a'])['a']).toEqual([]);
    const [taken = ''] = given([service('a')])['a'] ?? [];
    expect(given([service('a'), service('b', { addresses: [taken] })])['a']).not.toContain(taken);
  });
});
