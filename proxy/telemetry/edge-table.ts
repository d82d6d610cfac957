import {
  type PeerInfo,
  PLAINTEXT_PEER,
  type ServiceInfo,
  type StreamInfo,
  type WorkloadInfo,
} from '../http/stream-info.js';
import { Edge, type EdgeIdentity, type Protocol, type Reporter } from './edge.js';

/** Hosts and peers come from the network, so their number is bounded; what is beyond is counted as unknown. */
const MAX_EDGES = 2000;

/** Stands for an absent object as a key of a WeakMap. */
const NONE = {};

/**
 * Finds the edge of a finished request. The fast way compares objects: the peer's workload and the service are the same
 * objects for all requests that got them from the same endpoint or connection. Objects that are new are compared by what they say.
 */
export class EdgeTable {
  private readonly byContent = new Map<string, Edge>();
  private readonly byObject = new WeakMap<object, WeakMap<object, Edge[]>>();
  private readonly hosts = new Map<string, ServiceInfo>();

  constructor(
    private readonly reporter: Reporter,
    private readonly local: WorkloadInfo,
  ) {}

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
    candidates.push(edge);
    // Only an edge of the overflow gets here again and again.
    if (candidates.length > 64) candidates.length = 0;
    return edge;
  }

  /** Envoy's fallback for what no cluster describes: the Host without its port. The same object for the same host. */
  private hostService(host: string): ServiceInfo {
    let service = this.hosts.get(host);
    if (service === undefined) {
      const name = host.replace(/:\d+$/, '').toLowerCase();
      service = { host: name, name, namespace: 'unknown' };
      if (this.hosts.size >= MAX_EDGES) this.hosts.clear();
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
    if (this.byContent.size >= MAX_EDGES) return this.overflow(protocol);
    const edge = new Edge(this.identity(peer, service, protocol, tls));
    this.byContent.set(key, edge);
    return edge;
  }

  private overflow(protocol: Protocol): Edge {
    const key = `overflow ${protocol}`;
    let edge = this.byContent.get(key);
    if (edge === undefined) {
      edge = new Edge(this.identity(undefined, undefined, protocol, PLAINTEXT_PEER));
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
