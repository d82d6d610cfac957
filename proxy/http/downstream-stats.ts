import type { Socket } from 'node:net';
import { ConnectionTraffic } from '../tcp/connection-traffic.js';

/** Counters and current values of one connection manager, under Envoy's names below `http.PREFIX.`. */
export class DownstreamStats {
  downstream_cx_total = 0;
  downstream_cx_active = 0;
  downstream_cx_http1_total = 0;
  downstream_cx_http2_total = 0;
  downstream_cx_destroy = 0;
  downstream_cx_destroy_local = 0;
  downstream_cx_destroy_remote = 0;
  downstream_cx_destroy_active_rq = 0;
  downstream_cx_destroy_local_active_rq = 0;
  downstream_cx_destroy_remote_active_rq = 0;
  downstream_cx_rx_bytes_total = 0;
  downstream_cx_tx_bytes_total = 0;
  downstream_cx_idle_timeout = 0;
  downstream_rq_total = 0;
  downstream_rq_active = 0;
  downstream_rq_http1_total = 0;
  downstream_rq_http2_total = 0;
  downstream_rq_completed = 0;
  downstream_rq_1xx = 0;
  downstream_rq_2xx = 0;
  downstream_rq_3xx = 0;
  downstream_rq_4xx = 0;
  downstream_rq_5xx = 0;
  /** Requests that the client broke off, and those that we did. */
  downstream_rq_rx_reset = 0;
  downstream_rq_tx_reset = 0;
  downstream_rq_timeout = 0;
  downstream_rq_header_timeout = 0;
  downstream_rq_idle_timeout = 0;
  downstream_rq_max_duration_reached = 0;

  private readonly traffic = new ConnectionTraffic();

  /** Must be told of a connection before anybody else listens to its end. */
  follow(socket: Socket, busy: () => boolean): void {
    this.traffic.follow(socket, busy);
  }

  /** Every number by its name, as it is now. */
  *entries(): Iterable<readonly [name: string, value: number]> {
    const { traffic } = this;
    this.downstream_cx_destroy_local = traffic.destroyedLocally;
    this.downstream_cx_destroy_remote = traffic.destroyedRemotely;
    this.downstream_cx_destroy_local_active_rq = traffic.destroyedBusyLocally;
    this.downstream_cx_destroy_remote_active_rq = traffic.destroyedBusyRemotely;
    this.downstream_cx_destroy_active_rq = traffic.destroyedBusyLocally + traffic.destroyedBusyRemotely;
    this.downstream_cx_rx_bytes_total = traffic.received;
    this.downstream_cx_tx_bytes_total = traffic.sent;
    for (const [name, value] of Object.entries(this)) if (typeof value === 'number') yield [name, value];
  }

  completed(status: number): void {
    this.downstream_rq_completed++;
    if (status >= 600) return;
    if (status >= 500) this.downstream_rq_5xx++;
    else if (status >= 400) this.downstream_rq_4xx++;
    else if (status >= 300) this.downstream_rq_3xx++;
    else if (status >= 200) this.downstream_rq_2xx++;
    else if (status >= 100) this.downstream_rq_1xx++;
  }
}

/** The statistics of all connection managers, by `stat_prefix`; those of one name share them, as in Envoy. */
export class DownstreamStatsTable {
  private readonly byPrefix = new Map<string, DownstreamStats>();

  of(prefix: string): DownstreamStats {
    let stats = this.byPrefix.get(prefix);
    if (stats === undefined) {
      stats = new DownstreamStats();
      this.byPrefix.set(prefix, stats);
    }
    return stats;
  }

  entries(): Iterable<readonly [prefix: string, stats: DownstreamStats]> {
    return this.byPrefix;
  }
}
