import type { EndpointConfig, EndpointsConfig, TransportConfig } from './cluster-config.js';
import { chooseTransport } from './compile-transport.js';
import { UpstreamHost } from './host.js';

/** The hosts of a cluster by what makes them the same host: address and the way in which connections are protected. */
export class HostTable {
  hosts: readonly UpstreamHost[] = [];
  private byKey = new Map<string, UpstreamHost>();

  /** Takes over a new list at a time in monotonic ms; returns whether the set of hosts changed. The first entry of an address counts. */
  update(endpoints: EndpointsConfig, transport: TransportConfig, now: number): boolean {
    const next = new Map<string, UpstreamHost>();
    const hosts: UpstreamHost[] = [];
    let changed = false;
    const addresses = new Set<string>();
    for (const endpoint of endpoints.endpoints) {
      const address = `${endpoint.host}|${endpoint.port}`;
      if (addresses.has(address)) continue;
      addresses.add(address);
      const key = keyOf(endpoint);
      const known = this.byKey.get(key);
      const host = known ?? newHost(endpoint, transport);
      if (known === undefined) host.readySince = now;
      changed ||= known === undefined;
      host.update(endpoint);
      next.set(key, host);
      hosts.push(host);
    }
    for (const [key, host] of this.byKey) {
      if (next.has(key)) continue;
      changed = true;
      host.drain();
    }
    this.byKey = next;
    this.hosts = hosts;
    return changed;
  }

  /** Forgets all hosts; their connections close as they become idle. */
  clear(): void {
    for (const host of this.byKey.values()) host.drain();
    this.byKey = new Map();
    this.hosts = [];
  }
}

function keyOf(endpoint: EndpointConfig): string {
  const metadata = [...endpoint.transportMetadata].map(([key, value]) => `${key}=${value}`).sort();
  return `${endpoint.host}|${endpoint.port}|${metadata.join(',')}`;
}

function newHost(endpoint: EndpointConfig, transport: TransportConfig): UpstreamHost {
  const metadata = endpoint.transportMetadata;
  const meshTls = metadata.get('tlsMode') === 'istio';
  return new UpstreamHost(endpoint.host, endpoint.port, chooseTransport(transport, metadata), meshTls);
}
