import {
  type PeerInfo,
  PLAINTEXT_PEER,
  type ServiceInfo,
  type StreamInfo,
  type WorkloadInfo,
} from '../http/stream-info.js';
import { Edge, type EdgeIdentity, type Protocol, type Reporter } from './edge.js';

/** Hosts that are remembered by their names. */
const MAX_HOSTS = 2000;
/** Where there is no room, edges that have been idle for so long make some; ms. */
const ROOM_IDLE_MS = 300_000;
const ROOM_EVERY_MS = 10_000;

/**
 * How many edges one direction of a process may have. Hosts and peers come from the network, so their number is bounded;
 * what is beyond is counted as unknown.
 */
export class EdgeLimit {
  edges = 0;
  /** Edges that were dropped because they were idle. */
  dropped = 0;
  /** How often something was counted as unknown because there was no room. */
  overflowed = 0;
  private looked = Number.NEGATIVE_INFINITY;

  constructor(
    readonly max: number,
    /** Monotonic, ms. */
    readonly now: () => number,
    /** Drops edges that have been idle for so long, in all tables. */
    private readonly sweep: (idleMs: number) => void,
  ) {}

  /** Whether one more may be made. */
  hasRoom(): boolean {
    if (this.edges < this.max) return true;
    const now = this.now();
    if (now - this.looked >= ROOM_EVERY_MS) {
      this.looked = now;
      this.sweep(ROOM_IDLE_MS);
    }
    return this.edges < this.max;
  }
}

const NO_VALUES: readonly string[] = [];

/** Stands for an absent object as a key of a WeakMap. */
const NONE = {};

/**
 * Finds the edge of a finished request. The fast way compares objects: the peer's workload and the service are the same
 * objects for all requests that got them from the same endpoint or connection. Objects that are new are compared by what they say.
 */
export class EdgeTable {
  private readonly byContent = new Map<string, Edge>();
  private byObject = new WeakMap<object, WeakMap<object, Edge[]>>();
  private readonly hosts = new Map<string, ServiceInfo>();

  constructor(
    readonly reporter: Reporter,
    private readonly local: WorkloadInfo,
    private readonly limit: EdgeLimit,
    /** Of the expressions that tags are made from. */
    readonly values: readonly string[] = NO_VALUES,
  ) {}

  get size(): number {
    return this.byContent.size;
  }

  /** Drops edges on which nothing has happened for so long; ms. */
  sweep(now: number, idleMs: number): void {
    const before = this.byContent.size;
    for (const [key, edge] of this.byContent) if (edge.idleFor(now) >= idleMs) this.byContent.delete(key);
    const dropped = before - this.byContent.size;
    if (dropped === 0) return;
    this.limit.edges -= dropped;
    this.limit.dropped += dropped;
    this.byObject = new WeakMap();
  }

  all(): Iterable<Edge> {
    return this.byContent.values();
  }

  /** `tls` is the connection to the other sidecar; `fallbackHost` names the service where no cluster does. */
  find(info: StreamInfo, protocol: Protocol, tls: PeerInfo, fallbackHost: string): Edge {
    const service = info.destinationService ?? (fallbackHost === '' ? undefined : this.hostService(fallbackHost));
    const candidates = this.candidates(info.peerWorkload ?? NONE, service ?? NONE);
    for (const edge of candidates) {
      const known = edge.identity;
      if (known.protocol === protocol && (known.tls === tls || sameTls(known.tls, tls))) return edge;
    }
    const edge = this.findByContent(info.peerWorkload, service, protocol, tls);
    // There may be room for it the next time.
    if (!edge.overflow) candidates.push(edge);
    return edge;
  }

  /** Envoy's fallback for what no cluster describes: the Host without its port. The same object for the same host. */
  private hostService(host: string): ServiceInfo {
    let service = this.hosts.get(host);
    if (service === undefined) {
      const name = host.replace(/:\d+$/, '').toLowerCase();
      service = { host: name, name, namespace: 'unknown' };
      if (this.hosts.size >= MAX_HOSTS) this.hosts.clear();
      // A copy: a slice would keep the whole head that it was cut from.
      this.hosts.set(Buffer.from(host, 'latin1').toString('latin1'), service);
    }
    return service;
  }

  private candidates(peer: object, service: object): Edge[] {
    let services = this.byObject.get(peer);
    if (services === undefined) {
      services = new WeakMap();
      this.byObject.set(peer, services);
    }
    let edges = services.get(service);
    if (edges === undefined) {
      edges = [];
      services.set(service, edges);
    }
    return edges;
  }

  private findByContent(
    peer: WorkloadInfo | undefined,
    service: ServiceInfo | undefined,
    protocol: Protocol,
    tls: PeerInfo,
  ): Edge {
    const key = JSON.stringify([protocol, tls.mtls, tls.uriSan, tls.localUriSan, peer, service]);
    const known = this.byContent.get(key);
    if (known !== undefined) return known;
    if (!this.limit.hasRoom()) return this.overflow(protocol);
    this.limit.edges++;
    const edge = new Edge(this.identity(peer, service, protocol, tls));
    this.byContent.set(key, edge);
    return edge;
  }

  private overflow(protocol: Protocol): Edge {
    const key = `overflow ${protocol}`;
    this.limit.overflowed++;
    let edge = this.byContent.get(key);
    if (edge === undefined) {
      edge = new Edge(this.identity(undefined, undefined, protocol, PLAINTEXT_PEER), true);
      this.limit.edges++;
      this.byContent.set(key, edge);
    }
    return edge;
  }

  private identity(
    peer: WorkloadInfo | undefined,
    service: ServiceInfo | undefined,
    protocol: Protocol,
    tls: PeerInfo,
  ): EdgeIdentity {
    const outbound = this.reporter === 'source';
    return {
      reporter: this.reporter,
      protocol,
      source: outbound ? this.local : peer,
      destination: outbound ? peer : this.local,
      service,
      tls,
    };
  }
}

function sameTls(a: PeerInfo, b: PeerInfo): boolean {
  return a.mtls === b.mtls && a.uriSan === b.uriSan && a.localUriSan === b.localUriSan;
}
