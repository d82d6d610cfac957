import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { ClusterConfig } from './cluster-config.js';
import { chooseTransport } from './compile-transport.js';
import { parseAddress, UpstreamHost } from './host.js';

/** How long an address without requests is remembered (Cluster.cleanup_interval's default), ms. */
const CLEANUP_MS = 5000;

interface Known {
  readonly host: UpstreamHost;
  used: boolean;
}

/** Hosts of a cluster of type ORIGINAL_DST: made when a request names them, forgotten when none does any more. */
export class OriginalDestinations {
  private readonly clock: Clock;
  private readonly known = new Map<string, Known>();
  private config: ClusterConfig;
  private timer: Timer | undefined = undefined;

  constructor(config: ClusterConfig, clock: Clock) {
    this.config = config;
    this.clock = clock;
  }

  hosts(): readonly UpstreamHost[] {
    return [...this.known.values()].map((entry) => entry.host);
  }

  /** The host at `ip:port`; undefined when that is no address. */
  host(destination: string | undefined): UpstreamHost | undefined {
    if (destination === undefined || this.config.discovery.kind !== 'original-dst') return undefined;
    let entry = this.known.get(destination);
    if (entry === undefined) {
      const address = parseAddress(destination);
      if (address === undefined) return undefined;
      const port = this.config.discovery.portOverride ?? address.port;
      const transport = chooseTransport(this.config.transport, new Map());
      entry = { host: new UpstreamHost(address.ip, port, transport, false), used: true };
      this.known.set(destination, entry);
      this.timer ??= this.clock.after(CLEANUP_MS, this.cleanup);
    }
    entry.used = true;
    return entry.host;
  }

  reconfigure(config: ClusterConfig, sameTransport: boolean): void {
    this.config = config;
    if (!sameTransport) this.forgetAll();
  }

  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.forgetAll();
  }

  private forgetAll(): void {
    for (const { host } of this.known.values()) host.drain();
    this.known.clear();
  }

  private readonly cleanup = (): void => {
    for (const [key, entry] of this.known) {
      if (!entry.used && entry.host.activeRequests === 0) {
        entry.host.drain();
        this.known.delete(key);
      }
      entry.used = false;
    }
    this.timer = this.known.size > 0 ? this.clock.after(CLEANUP_MS, this.cleanup) : undefined;
  };
}
