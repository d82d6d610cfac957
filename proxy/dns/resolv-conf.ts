import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

/** What /etc/resolv.conf says: where to ask, and what short names are completed with. */
export interface ResolvConf {
  /** IP addresses, at most three of them, as in the C library. */
  readonly servers: readonly string[];
  readonly search: readonly string[];
}

const MAX_SERVERS = 3;
const MAX_SEARCH = 32;

/** Reads the text of a resolv.conf; lines that say nothing to us are passed over. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let search: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword = '', ...values] = (line.split(/[#;]/)[0] ?? '').trim().split(/\s+/);
    if (keyword === 'nameserver') servers.push(...values.slice(0, 1).filter((address) => isIP(address) !== 0));
    // The last of them counts.
    else if (keyword === 'search' || keyword === 'domain') search = values.map((domain) => plainName(domain));
  }
  return {
    servers: [...new Set(servers)].slice(0, MAX_SERVERS),
    search: search.filter((domain) => domain !== '').slice(0, MAX_SEARCH),
  };
}

/** In lower case, without the dot at the end. */
export function plainName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** The file as it is now; without one nobody is asked. */
export function readResolvConf(path = '/etc/resolv.conf'): ResolvConf {
  try {
    return parseResolvConf(readFileSync(path, 'utf8'));
  } catch {
    return { servers: [], search: [] };
  }
}
