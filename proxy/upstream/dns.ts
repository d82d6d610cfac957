import { lookup } from 'node:dns/promises';

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
