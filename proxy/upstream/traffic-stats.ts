import { ConnectionTraffic } from '../tcp/connection-traffic.js';
import { ZoneStats } from './zone-aware.js';

/** How often each status came, by which Envoy's `upstream_rq_200`, `upstream_rq_2xx` and `upstream_rq_completed` are told. */
export class StatusCounts {
  private counts: Float64Array | undefined = undefined;

  count(status: number): void {
    // Most clusters of a mesh never answer.
    this.counts ??= new Float64Array(1000);
    if (status >= 0 && status < 1000) this.counts[status] = (this.counts[status] ?? 0) + 1;
  }

  /** Those that came, in their order. */
  *entries(): Iterable<readonly [status: number, count: number]> {
    if (this.counts === undefined) return;
    for (const [status, count] of this.counts.entries()) if (count > 0) yield [status, count];
  }
}

/** What happened in a cluster since it came. It outlives its hosts, or counters would go back when one leaves. */
export class TrafficStats {
  requests = 0;
  /** Requests that had to wait for a connection, and those whose connection then failed. */
  waits = 0;
  failedWaits = 0;
  /** Requests that had a connection, of which too many are under way. */
  activeOverflows = 0;
  /** Requests that were given up before they had a connection. */
  cancelled = 0;
  timeouts = 0;
  tryTimeouts = 0;
  tryIdleTimeouts = 0;
  /** Requests for which there was no host. */
  withoutHost = 0;
  /** Streams of HTTP/2 that the server, or we, broke off. */
  remoteResets = 0;
  localResets = 0;
  connections = 0;
  http1Connections = 0;
  http2Connections = 0;
  connectFailures = 0;
  connectTimeouts = 0;
  /** Connections that we closed for their idleness, their number of requests, their age. */
  idleTimeouts = 0;
  fullConnections = 0;
  oldConnections = 0;
  readonly bytes = new ConnectionTraffic();
  /** What happened on HTTP/2 connections, by Envoy's names below `http2.`; undefined before anything did. */
  http2: Map<string, number> | undefined = undefined;
  readonly zones = new ZoneStats();
  /** Answers, our own in upstream's place among them, to requests of clients outside and of this mesh (`x-envoy-internal`). */
  readonly external = new StatusCounts();
  readonly internal = new StatusCounts();
  /** Answers in whose place the request was tried again. */
  readonly retried = new StatusCounts();

  readonly countHttp2 = (name: string): void => {
    this.http2 ??= new Map();
    this.http2.set(name, (this.http2.get(name) ?? 0) + 1);
  };
}
