import { isIP } from 'node:net';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { OutsideFailure, OutsidePreparation } from './cluster.js';
import type { ClusterConfig } from './cluster-config.js';
import { chooseTransport } from './compile-transport.js';
import { type DnsResolver, resolveFamily } from './dns.js';
import { UpstreamHost } from './host.js';

export interface OutsideHostsDeps {
  readonly clock: Clock;
  readonly resolver: DnsResolver;
  /** Whether an address is one at which this proxy itself sends requests out: it would call itself for ever. */
  readonly isOwnListener?: (ip: string, port: number) => boolean;
}

interface Known {
  host: UpstreamHost | undefined;
  failure: OutsideFailure | undefined;
  /** Set while a look-up runs. */
  pending: Promise<OutsideFailure | undefined> | undefined;
  /** Monotonic ms. */
  freshUntil: number;
  usedAt: number;
}

const CLEANUP_MS = 30_000;

/**
 * Hosts of a cluster of type dynamic_forward_proxy: named by the authority of a request, looked up before it is routed,
 * kept as long as requests name them. An address that cannot be found anew goes on being used.
 */
export class OutsideHosts implements OutsidePreparation {
  private readonly known = new Map<string, Known>();
  private timer: Timer | undefined = undefined;

  constructor(
    private config: ClusterConfig,
    private readonly deps: OutsideHostsDeps,
  ) {}

  hosts(): readonly UpstreamHost[] {
    return [...this.known.values()].flatMap(({ host }) => host ?? []);
  }

  /** Undefined when the authority's host can be used now; else a promise of why it cannot. */
  prepare(authority: string): undefined | Promise<OutsideFailure | undefined> {
    const { discovery } = this.config;
    if (discovery.kind !== 'outside') return undefined;
    const now = this.deps.clock.monotonic();
    let entry = this.known.get(authority);
    if (entry === undefined) {
      if (this.known.size >= discovery.maxHosts) return Promise.resolve('overflow');
      entry = { host: undefined, failure: undefined, pending: undefined, freshUntil: 0, usedAt: now };
      this.known.set(authority, entry);
      this.timer ??= this.deps.clock.after(CLEANUP_MS, this.cleanup);
    }
    entry.usedAt = now;
    if (now >= entry.freshUntil) entry.pending ??= this.lookUp(authority, entry);
    if (entry.host !== undefined) return undefined;
    return entry.pending ?? Promise.resolve(entry.failure);
  }

  /** The host of an authority that was prepared. */
  host(authority: string | undefined): UpstreamHost | undefined {
    return authority === undefined ? undefined : this.known.get(authority)?.host;
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

  private async lookUp(authority: string, entry: Known): Promise<OutsideFailure | undefined> {
    const { config, deps } = this;
    const { discovery } = config;
    if (discovery.kind !== 'outside') return 'unresolved';
    const tls = config.transport.fallback.tls !== undefined;
    const { name, port } = parts(authority, tls ? 443 : 80);
    const ip = await addressOf(name, discovery.family, deps.resolver);
    entry.pending = undefined;
    entry.freshUntil = deps.clock.monotonic() + (ip === undefined ? discovery.failureRefreshMs : discovery.refreshMs);
    if (this.known.get(authority) !== entry) return 'unresolved';
    if (ip === undefined) {
      entry.failure = 'unresolved';
      return entry.host === undefined ? entry.failure : undefined;
    }
    if (deps.isOwnListener?.(ip, port) === true) {
      entry.host?.drain();
      entry.host = undefined;
      entry.failure = 'own-listener';
      return entry.failure;
    }
    if (entry.host?.ip === ip) return undefined;
    entry.host?.drain();
    entry.host = new UpstreamHost(ip, port, chooseTransport(config.transport, new Map()), false);
    entry.host.hostname = isIP(name) === 0 ? name : '';
    entry.failure = undefined;
    return undefined;
  }

  private forgetAll(): void {
    for (const { host } of this.known.values()) host?.drain();
    this.known.clear();
  }

  private readonly cleanup = (): void => {
    const { discovery } = this.config;
    const oldest = this.deps.clock.monotonic() - (discovery.kind === 'outside' ? discovery.hostTtlMs : 0);
    for (const [authority, { host, usedAt, pending }] of this.known) {
      if (usedAt > oldest || pending !== undefined || (host?.activeRequests ?? 0) > 0) continue;
      host?.drain();
      this.known.delete(authority);
    }
    this.timer = this.known.size > 0 ? this.deps.clock.after(CLEANUP_MS, this.cleanup) : undefined;
  };
}

/** Host and port of an authority; an IPv6 address stands in brackets. */
function parts(authority: string, standard: number): { readonly name: string; readonly port: number } {
  const [, bracketed, plain = '', digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(authority) ?? [];
  const port = digits === undefined ? standard : Number(digits);
  return { name: bracketed ?? plain, port: port >= 1 && port <= 65_535 ? port : standard };
}

async function addressOf(
  name: string,
  family: Parameters<typeof resolveFamily>[2],
  resolver: DnsResolver,
): Promise<string | undefined> {
  if (name === '') return undefined;
  if (isIP(name) !== 0) return name;
  try {
    return (await resolveFamily(resolver, name, family))[0];
  } catch {
    return undefined;
  }
}
