import { afterEach, describe, expect, it } from 'vitest';
import type { ProxyContext } from '../translate/context.js';
import { aliases } from '../translate/outbound-routes.js';
import { resolveHost, serviceHost, setClusterDomain } from './hosts.js';

afterEach(() => setClusterDomain('cluster.local'));

describe('services below another domain', () => {
  it('have hosts, and shorter names, by it', () => {
    setClusterDomain('Mesh.Example.');
    expect(serviceHost('a', 'shop')).toBe('a.shop.svc.mesh.example');
    expect(resolveHost('a', 'shop')).toBe('a.shop.svc.mesh.example');
    expect(resolveHost('a.shop.svc.cluster.local', 'shop')).toBe('a.shop.svc.cluster.local');
    const context = { client: { namespace: 'shop' } } as unknown as ProxyContext;
    expect(aliases(context, 'a.shop.svc.mesh.example')).toEqual(['a.shop.svc', 'a.shop', 'a']);
    expect(aliases(context, 'a.shop.svc.cluster.local')).toEqual([]);
  });
});
