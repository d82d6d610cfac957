import { isIP } from 'node:net';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import type { Discovery, EndpointConfig, EndpointsConfig } from './cluster-config.js';
import { type DnsResolver, resolveFamily } from './dns.js';

export interface DnsDiscoveryDeps {
  readonly resolver: DnsResolver;
  readonly clock: Clock;
  readonly log: Logger;
}

const SHORTEST_TTL_MS = 1000;

/**
 * Endpoints of a STRICT_DNS or LOGICAL_DNS cluster: each name is looked up again and again, and what was found last
 * stays when a look-up fails. STRICT_DNS takes every address, LOGICAL_DNS the first.
 */
export class DnsDiscovery {
  private readonly discovery: Discovery & { readonly kind: 'dns' };
  private readonly deps: DnsDiscoveryDeps;
  private readonly publish: (endpoints: EndpointsConfig) => void;
  private readonly found = new Map<EndpointConfig, readonly string[]>();
  private readonly pending = new Set<EndpointConfig>();
  private readonly failures = new Map<EndpointConfig, number>();
  private readonly timers = new Map<EndpointConfig, Timer>();
  private closed = false;

  constructor(
    discovery: Discovery & { readonly kind: 'dns' },
    deps: DnsDiscoveryDeps,
    publish: (endpoints: EndpointsConfig) => void,
  ) {
    this.discovery = discovery;
    this.deps = deps;
    this.publish = publish;
  }

  /** Publishes at once when there is nothing to look up, else when the first look-ups are through. */
  start(): void {
    for (const endpoint of this.discovery.endpoints.endpoints) {
      if (isIP(endpoint.host) !== 0) this.found.set(endpoint, [endpoint.host]);
      else this.pending.add(endpoint);
    }
    if (this.pending.size === 0) this.publishFound();
    for (const endpoint of [...this.pending]) void this.lookUp(endpoint);
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers.values()) timer.cancel();
  }

  private async lookUp(endpoint: EndpointConfig): Promise<void> {
    const { dns } = this.discovery;
    let wait = dns.refreshMs;
    let changed = false;
    let failed = false;
    try {
      const addresses = await resolveFamily(this.deps.resolver, endpoint.host, dns.family);
      const kept = this.discovery.logical ? addresses.slice(0, 1) : [...new Set(addresses)].sort();
      changed = kept.join() !== this.found.get(endpoint)?.join();
      this.found.set(endpoint, kept);
      this.failures.delete(endpoint);
    } catch (error) {
      failed = true;
      const failures = this.failures.get(endpoint) ?? 0;
      this.failures.set(endpoint, failures + 1);
      wait = Math.min(dns.failureRefreshMs * 2 ** failures, dns.failureMaxMs ?? dns.failureRefreshMs);
      this.deps.log.warn({ name: endpoint.host, reason: messageOf(error) }, 'name look-up failed');
    }
    if (this.closed) return;
    const first = this.pending.delete(endpoint);
    if (this.pending.size === 0 && (changed || first)) this.publishFound();
    if (!failed && dns.respectTtl) {
      const ttlMs = await this.deps.resolver.ttlMs?.(endpoint.host);
      if (this.closed) return;
      // A lifetime of none would be a look-up without end.
      if (ttlMs !== undefined && ttlMs > 0) wait = Math.max(ttlMs, SHORTEST_TTL_MS);
    }
    this.timers.set(
      endpoint,
      this.deps.clock.after(wait, () => void this.lookUp(endpoint)),
    );
  }

  private publishFound(): void {
    const { endpoints } = this.discovery;
    this.publish({
      ...endpoints,
      endpoints: endpoints.endpoints.flatMap((endpoint) =>
        (this.found.get(endpoint) ?? []).map((host) => ({
          ...endpoint,
          host,
          hostname: endpoint.hostname === '' ? endpoint.host : endpoint.hostname,
        })),
      ),
    });
  }
}
