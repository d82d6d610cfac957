import type { Clock, Random } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';
import { Forwarder } from './forwarder.js';
import { Names } from './names.js';
import { plainName, type ResolvConf, readResolvConf } from './resolv-conf.js';
import { type DnsServer, startDnsServer } from './server.js';
import { newStatistics } from './statistics.js';

export interface DnsProxyOptions {
  readonly hosts: readonly string[];
  readonly port: number;
  /** Of the workload. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** In place of /etc/resolv.conf; the port of its servers is 53 otherwise. */
  readonly upstream?: { readonly config: () => ResolvConf; readonly port: number };
}

const DNS_PORT = 53;
/** How long what /etc/resolv.conf says is believed. */
const CONFIG_MS = 30_000;

/** Answers the workload's DNS queries for the names of the mesh, and asks the machine's own name servers for all others. */
export class DnsProxy {
  readonly names: Names;
  readonly statistics = newStatistics();
  private readonly forwarder: Forwarder;
  private readonly options: DnsProxyOptions;
  private server: DnsServer | undefined;
  private config: ResolvConf = { servers: [], search: [] };
  private readAt = Number.NEGATIVE_INFINITY;

  constructor(options: DnsProxyOptions) {
    this.options = options;
    const { clock, random, upstream } = options;
    this.names = new Names(options.namespace, () => {
      const [first] = this.resolvConf().search;
      return first === undefined ? undefined : plainName(first);
    });
    this.forwarder = new Forwarder({
      servers: () => this.resolvConf().servers.filter((server) => !this.isOurs(server)),
      port: upstream?.port ?? DNS_PORT,
      clock,
      random,
      statistics: this.statistics,
    });
  }

  /** Rejects when the port is taken. */
  async start(): Promise<void> {
    const { hosts, port, log } = this.options;
    const { names, forwarder, statistics } = this;
    this.server = await startDnsServer({ hosts, port, names, forwarder, statistics, log });
    log.info({ port: this.server.port, servers: this.resolvConf().servers }, 'DNS proxy');
  }

  get port(): number | undefined {
    return this.server?.port;
  }

  close(): void {
    this.server?.close();
  }

  /** A query to ourselves would come back for ever. */
  private isOurs(server: string): boolean {
    const { hosts, upstream } = this.options;
    return this.server?.port === (upstream?.port ?? DNS_PORT) && hosts.includes(server);
  }

  private resolvConf(): ResolvConf {
    const now = this.options.clock.monotonic();
    if (now - this.readAt > CONFIG_MS) {
      this.readAt = now;
      this.config = this.options.upstream?.config() ?? readResolvConf();
    }
    return this.config;
  }
}
