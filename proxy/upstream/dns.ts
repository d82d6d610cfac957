import { lookup } from 'node:dns/promises';
import type { DnsConfig } from './cluster-config.js';

/** Finds the addresses of a name; rejects when there is none or the resolver does not answer. */
export interface DnsResolver {
  resolve(name: string, family: 0 | 4 | 6): Promise<readonly string[]>;
}

/** The system's resolver, /etc/hosts included. */
export const systemResolver: DnsResolver = {
  async resolve(name, family) {
    const found = await lookup(name, { family, all: true, order: 'verbatim' });
    return found.map((entry) => entry.address);
  },
};

/** Addresses of a name by Cluster.DnsLookupFamily. */
export async function resolveFamily(
  resolver: DnsResolver,
  name: string,
  family: DnsConfig['family'],
): Promise<readonly string[]> {
  switch (family) {
    case 'v4':
      return resolver.resolve(name, 4);
    case 'v6':
      return resolver.resolve(name, 6);
    case 'all':
      return resolver.resolve(name, 0);
    case 'auto':
      return resolver.resolve(name, 6).catch(() => resolver.resolve(name, 4));
    case 'v4-preferred':
      return resolver.resolve(name, 4).catch(() => resolver.resolve(name, 6));
  }
}
