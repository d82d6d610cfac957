import type { NetworkEntrance } from '../model/networks.js';
import type { Endpoint } from '../model/service.js';
import type { LocalityGroup } from './locality.js';
import { ipAddress, struct, uint32 } from './messages.js';
import { TLS_MODE_KEY } from './upstream-tls.js';

interface Entrance extends NetworkEntrance {
  readonly locality: string;
  readonly labels: Readonly<Record<string, string>>;
  weight: number;
}

/** Endpoints behind gateways of other networks: each gateway stands for all that it leads to, by their weights. */
export class RemoteEndpoints {
  readonly #found = new Map<string, Entrance>();

  add(locality: string, { workload, weight }: Endpoint, entrances: readonly NetworkEntrance[]): void {
    for (const { address, port } of entrances) {
      const key = `${locality}|${address}|${port}`;
      const share = (weight || 1) / entrances.length;
      const known = this.#found.get(key);
      if (known === undefined)
        this.#found.set(key, { address, port, locality, labels: workload.labels, weight: share });
      else known.weight += share;
    }
  }

  endpoints(): (LocalityGroup['endpoints'][number] & { readonly locality: string })[] {
    return [...this.#found.values()].map(({ locality, labels, address, port, weight }) => ({
      locality,
      labels,
      message: {
        endpoint: { address: ipAddress(address, port) },
        metadata: { filter_metadata: { [TLS_MODE_KEY]: struct({ tlsMode: 'istio' }) } },
        load_balancing_weight: uint32(Math.max(1, Math.round(weight))),
      },
    }));
  }
}
