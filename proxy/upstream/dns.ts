import { lookup, Resolver } from 'node:dns/promises';
import type { DnsConfig } from './cluster-config.js';

/** Finds the addresses of a name; rejects when there is none or the resolver does not answer. */
export interface DnsResolver {
  resolve(name: string, family: 0 | 4 | 6): Promise<readonly string[]>;
  /** How long what was found holds, ms; undefined when nobody says. Never rejects. */
  ttlMs?(name: string): Promise<number | undefined>;
}

/** Asks for lifetimes only: what a name means is the system's business. */
const lifetimes = new Resolver({ timeout: 2000, tries: 2 });

/** The system's resolver, /etc/hosts included. Lifetimes come from the name servers, for names that are complete. */
export const systemResolver: DnsResolver = {
  async resolve(name, family) {
    const found = await lookup(name, { family, all: true, order: 'verbatim' });
    return found.map((entry) => entry.address);
  },
  async ttlMs(name) {
    const asked = await Promise.allSettled([
      lifetimes.resolve4(name, { ttl: true }),
      lifetimes.resolve6(name, { ttl: true }),
    ]);
    const found = asked.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.map(({ ttl }) => ttl) : []));
    return found.length === 0 ? undefined : Math.min(...found) * 1000;
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
