import { isIP } from 'node:net';
import { joinAddress } from '../../common/runtime/address.js';
import type { ListenAddress } from './config.js';
import type { IpPort } from './connection-info.js';

/** Listeners by the addresses that they stand for, bound or not. The first one of an address keeps it. */
export class AddressIndex<T> {
  private readonly byAddress = new Map<string, T>();

  constructor(entries: Iterable<readonly [addresses: readonly ListenAddress[], value: T]>) {
    for (const [addresses, value] of entries) {
      for (const { host, port, dualStack } of addresses) {
        this.add(joinAddress(canonicalIp(host), port), value);
        if (dualStack === true && host === '::') this.add(joinAddress('0.0.0.0', port), value);
      }
    }
  }

  /** The exact address, then the wildcard of its family on the same port, as Envoy looks for `use_original_dst`. */
  find({ ip, port }: IpPort): T | undefined {
    const wildcard = isIP(ip) === 6 ? '::' : '0.0.0.0';
    return this.byAddress.get(joinAddress(ip, port)) ?? this.byAddress.get(joinAddress(wildcard, port));
  }

  private add(key: string, value: T): void {
    if (!this.byAddress.has(key)) this.byAddress.set(key, value);
  }
}

/** IPv6 has many spellings. */
function canonicalIp(ip: string): string {
  return isIP(ip) === 6 ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip;
}
