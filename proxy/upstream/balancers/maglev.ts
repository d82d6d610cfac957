import type { Random } from '../../../common/runtime/clock.js';
import type { UpstreamHost } from '../host.js';
import { random64, xxHash64 } from '../xxhash64.js';
import { type Balancer, type BalancerFactory, hashKey, type WeightedHost } from './balancer.js';

/** Maglev's lookup table (Eisenbud et al., NSDI 2016, section 3.4), weighted and filled as Envoy does. `tableSize` is a prime. */
export function maglev(tableSize: number, useHostname: boolean): BalancerFactory {
  return (hosts, random) => new Maglev(hosts, random, tableSize, useHostname);
}

class Maglev implements Balancer {
  private readonly table: readonly UpstreamHost[];
  private readonly size: bigint;
  private readonly random: Random;

  constructor(hosts: readonly WeightedHost[], random: Random, tableSize: number, useHostname: boolean) {
    this.random = random;
    this.table = buildTable(hosts, tableSize, useHostname);
    this.size = BigInt(this.table.length);
  }

  pick(hash: bigint | undefined, attempt = 0): UpstreamHost | undefined {
    if (this.size === 0n) return undefined;
    const wanted = hash ?? random64(this.random);
    // As in Envoy: most bits change, so that another slot far away is found.
    const point = attempt === 0 ? wanted : wanted ^ BigInt.asUintN(64, -BigInt(attempt));
    return this.table[Number(point % this.size)];
  }
}

interface Row {
  readonly host: UpstreamHost;
  readonly weight: number;
  readonly skip: number;
  position: number;
  /** The row takes a slot in the turns in which its weight has caught up with this. */
  due: number;
}

function buildTable(hosts: readonly WeightedHost[], size: number, useHostname: boolean): UpstreamHost[] {
  if (hosts.length === 0) return [];
  const total = hosts.reduce((sum, entry) => sum + entry.weight, 0);
  const rows = hosts.map((entry) => rowOf(entry, entry.weight / total, size, useHostname));
  rows.sort((a, b) => (hashKey(a.host, useHostname) < hashKey(b.host, useHostname) ? -1 : 1));
  const largest = Math.max(...rows.map((row) => row.weight));
  const table: (UpstreamHost | undefined)[] = new Array<UpstreamHost | undefined>(size).fill(undefined);
  let filled = 0;
  for (let turn = 1; filled < size; turn++) {
    for (const row of rows) {
      if (filled === size) break;
      if (turn * row.weight < row.due) continue;
      row.due += largest;
      while (table[row.position] !== undefined) row.position = (row.position + row.skip) % size;
      table[row.position] = row.host;
      filled++;
    }
  }
  return table.filter((host) => host !== undefined);
}

function rowOf(entry: WeightedHost, weight: number, size: number, useHostname: boolean): Row {
  const key = hashKey(entry.host, useHostname);
  return {
    host: entry.host,
    weight,
    position: Number(xxHash64(key) % BigInt(size)),
    skip: size < 2 ? 1 : Number(xxHash64(key, 1n) % BigInt(size - 1)) + 1,
    due: 0,
  };
}
