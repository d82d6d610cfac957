import { isIP, type Socket } from 'node:net';
import type { Random } from '../../common/runtime/clock.js';
import type { ServiceInfo } from '../http/stream-info.js';
import { balancerFactory, isHashing } from './balancers/factory.js';
import type {
  AttemptOutcome,
  Cluster,
  ClusterSettings,
  ConnectEvents,
  Host,
  LoadBalancerContext,
  NamesByRequest,
  RelayedConnection,
  WireProtocol,
} from './cluster.js';
import type { ClusterConfig, EndpointsConfig } from './cluster-config.js';
import { NO_ENDPOINTS } from './compile-endpoints.js';
import { sourceFor } from './compile-source.js';
import type { DialOptions, UpstreamDialer } from './dialer.js';
import { HealthChecks } from './health/health-checks.js';
import { UpstreamHost } from './host.js';
import { HostTable } from './host-table.js';
import { type HostTally, tallyOf } from './host-tally.js';
import type { PoolDeps } from './http-pool.js';
import { LoadBalancer } from './load-balancer.js';
import type { LocalCluster } from './local-cluster.js';
import { OriginalDestinations } from './original-destinations.js';
import { OutlierDetector } from './outlier-detector.js';
import { OutsideHosts, type OutsideHostsDeps } from './outside-hosts.js';
import { proxyHeader } from './proxy-header.js';
import { BreakerState } from './resources.js';
import { TrafficStats } from './traffic-stats.js';

/** What a connection that is to speak one protocol does not offer. */
const WITHOUT_ALPN: Readonly<Record<WireProtocol, ReadonlySet<string>>> = {
  http1: new Set(['h2']),
  http2: new Set(['http/1.1', 'http/1.0']),
  auto: new Set(),
};

export interface ClusterDeps extends OutsideHostsDeps {
  readonly random: Random;
  readonly dialer: UpstreamDialer;
  /** Puts a codec on a connection, for health checks over HTTP; without it there are none. */
  readonly createConnection?: PoolDeps['createConnection'];
  /** Who we are among our kind, where the bootstrap says so. */
  readonly localCluster?: LocalCluster | undefined;
}

/** Of all clusters in which nothing happened yet. */
const NO_TRAFFIC = new TrafficStats();

/** Endpoints that are read when somebody wants them. */
export interface LaterEndpoints {
  compile(): EndpointsConfig;
}

/**
 * A live cluster: its configuration and hosts are replaced in place, so that counters and pools survive updates. It sleeps until
 * its first request where nothing happens to hosts before that: of thousands of clusters, few are ever called.
 */
export class UpstreamCluster implements Cluster {
  readonly name: string;
  /** Set when its hosts are asked for their health. */
  healthChecks: HealthChecks | undefined = undefined;
  private connected = false;
  private woken = false;
  private readonly deps: ClusterDeps;
  private readonly table = new HostTable();
  private readonly breakers: { readonly default: BreakerState; readonly high: BreakerState };
  /** Made where they are used: most clusters need none of the four. */
  private destinations: OriginalDestinations | undefined = undefined;
  private outsideHosts: OutsideHosts | undefined = undefined;
  private outliers: OutlierDetector | undefined = undefined;
  private counted: TrafficStats | undefined = undefined;
  private current: ClusterConfig;
  private endpoints: EndpointsConfig = NO_ENDPOINTS;
  /** Set while it sleeps: what {@link wake} makes hosts of. */
  private asleep: LaterEndpoints | undefined = undefined;
  /** Of hosts that sleep, once somebody asked. */
  private asleepTally: HostTally | undefined = undefined;
  /** Undefined until the next choice, after what it goes by has changed. */
  private balancer: LoadBalancer | undefined = undefined;

  constructor(config: ClusterConfig, deps: ClusterDeps) {
    this.name = config.name;
    this.current = config;
    this.deps = deps;
    const now = (): number => deps.clock.monotonic();
    this.breakers = {
      default: new BreakerState(config.breakers.default, now),
      high: new BreakerState(config.breakers.high, now),
    };
    this.replaceHealthChecks(config);
  }

  get config(): ClusterConfig {
    return this.current;
  }

  get settings(): ClusterSettings {
    return this.current.settings;
  }

  get service(): ServiceInfo | undefined {
    return this.current.service;
  }

  /** Looking at the hosts of a cluster that sleeps does not wake it. */
  get hosts(): readonly UpstreamHost[] {
    const { kind } = this.current.discovery;
    if (kind === 'outside') return this.outsideHosts?.hosts() ?? [];
    if (kind === 'original-dst') return this.destinations?.hosts() ?? [];
    if (this.asleep === undefined) return this.table.hosts;
    const table = new HostTable();
    table.update(this.asleep.compile(), this.current.transport, this.deps.clock.monotonic());
    return table.hosts;
  }

  /** Hosts that sleep stay as they are, and are not made for each count. */
  get tally(): HostTally {
    if (this.asleep === undefined) return tallyOf(this.hosts);
    this.asleepTally ??= tallyOf(this.hosts);
    return this.asleepTally;
  }

  get outside(): OutsideHosts | undefined {
    if (this.current.discovery.kind !== 'outside') return undefined;
    this.outsideHosts ??= new OutsideHosts(this.current, this.deps);
    return this.outsideHosts;
  }

  get detector(): OutlierDetector {
    this.outliers ??= new OutlierDetector(this.current.outlier, this.deps, () => this.rebalance());
    return this.outliers;
  }

  get traffic(): TrafficStats {
    this.counted ??= new TrafficStats();
    return this.counted;
  }

  /** The same for those who only look. */
  get trafficSoFar(): TrafficStats {
    return this.counted ?? NO_TRAFFIC;
  }

  resources(priority: 'default' | 'high'): BreakerState {
    return this.breakers[priority];
  }

  chooseHost(context: LoadBalancerContext): UpstreamHost | undefined {
    const { kind } = this.current.discovery;
    if (kind === 'original-dst') {
      this.destinations ??= new OriginalDestinations(this.current, this.deps.clock);
      return this.destinations.host(context.destination);
    }
    if (kind === 'outside') return this.outsideHosts?.host(context.destination);
    if (this.asleep !== undefined) this.wake(this.asleep);
    const balancer = this.balancer ?? this.newBalancer();
    const { avoid, avoidAttempts, avoidPriorities } = context;
    let host = balancer.pick(context.hash, 0, avoidPriorities);
    // As Envoy does: after the given number of further picks the last one counts, tried before or not.
    for (let i = 1; i <= avoidAttempts && host !== undefined && avoid.includes(host); i++) {
      host = balancer.pick(context.hash, i, avoidPriorities);
    }
    return host;
  }

  connect(
    host: Host,
    events: ConnectEvents,
    protocol: WireProtocol = 'auto',
    relayed?: RelayedConnection,
    serverName?: string,
  ): Socket {
    this.connected = true;
    const socket = this.dial(host, host.port, events, protocol, relayed, serverName);
    this.traffic.bytes.follow(socket, () => events.busy === true);
    return socket;
  }

  private dial(
    host: Host,
    port: number,
    events: ConnectEvents,
    protocol: WireProtocol,
    relayed?: RelayedConnection,
    serverName?: string,
  ): Socket {
    const target = host instanceof UpstreamHost ? host : undefined;
    const localAddress = sourceFor(host.ip, this.current.source);
    const version = target?.transport.proxyProtocol;
    const names = this.current.settings.namesByRequest;
    return this.deps.dialer.connect(
      target !== undefined && target.hostname !== ''
        ? { ip: host.ip, port, sniHost: target.hostname }
        : { ip: host.ip, port },
      target?.transport.tls,
      {
        connectTimeoutMs: this.current.settings.connectTimeoutMs,
        keepAlive: this.current.keepAlive,
        withoutAlpn: WITHOUT_ALPN[protocol],
        ...(relayed?.alpn !== undefined && { alpn: relayed.alpn }),
        ...(localAddress !== undefined && { localAddress }),
        ...(names !== undefined && serverName !== undefined && tlsNames(names, serverName)),
        ...(version !== undefined && {
          preamble: (socket: Socket) => proxyHeader(version, relayed?.downstream, socket),
        }),
      },
      events,
    );
  }

  report(host: Host, outcome: AttemptOutcome): void {
    if (this.outliers === undefined || !(host instanceof UpstreamHost)) return;
    this.outliers.report(host, judged(outcome, this.current.outlier?.isError));
  }

  /** A new configuration of the same name. Hosts stay where their transport is the same as before. */
  reconfigure(config: ClusterConfig): void {
    const sameTransport = this.current.transport.fingerprint === config.transport.fingerprint;
    this.current = config;
    this.breakers.default.setLimits(config.breakers.default);
    this.breakers.high.setLimits(config.breakers.high);
    this.outliers?.reconfigure(config.outlier);
    this.replaceHealthChecks(config);
    this.destinations?.reconfigure(config, sameTransport);
    this.outsideHosts?.reconfigure(config, sameTransport);
    if (!sameTransport) this.table.clear();
    if (this.asleep === undefined) this.setEndpoints(this.endpoints);
    else this.setEndpointsLater(this.asleep);
    if (this.exceedsConnections()) for (const host of this.table.hosts) host.drain();
  }

  /** Connections from before a lower limit would let through what it is to hold back. */
  private exceedsConnections(): boolean {
    return [this.breakers.default, this.breakers.high].some(
      ({ connections, maxConnections }) => connections > maxConnections,
    );
  }

  /** The hosts from now on. Those that are gone close their connections as they become idle. */
  setEndpoints(endpoints: EndpointsConfig): void {
    this.asleep = undefined;
    this.endpoints = endpoints;
    const changed = this.table.update(endpoints, this.current.transport, this.deps.clock.monotonic());
    if (changed && this.current.common.closeOnHostSetChange) for (const host of this.table.hosts) host.drain();
    if (this.current.outlier !== undefined) this.detector.setHosts(this.table.hosts);
    this.healthChecks?.setHosts(this.table.hosts);
    this.rebalance();
  }

  /** As {@link setEndpoints}, but a cluster that can sleep until its first request makes its hosts then. */
  setEndpointsLater(endpoints: LaterEndpoints): void {
    if (this.woken || !this.maySleep()) this.setEndpoints(endpoints.compile());
    else {
      this.asleep = endpoints;
      this.asleepTally = undefined;
    }
  }

  /** Whether nothing is done with hosts, or depends on when they came, before a request wants one. */
  private maySleep(): boolean {
    const { outlier, healthCheck, balancer } = this.current;
    const warmsUp = 'slowStart' in balancer && balancer.slowStart !== undefined;
    return outlier === undefined && healthCheck === undefined && !warmsUp;
  }

  private wake(endpoints: LaterEndpoints): void {
    this.woken = true;
    this.setEndpoints(endpoints.compile());
  }

  /** Calls back when nothing more has to be found out about the hosts that there are. */
  whenChecked(callback: () => void): void {
    if (this.healthChecks === undefined) callback();
    else this.healthChecks.whenChecked(callback);
  }

  /** Stops timers and closes idle connections; busy ones end with their request. */
  close(): void {
    this.asleep = undefined;
    this.outliers?.close();
    this.healthChecks?.close();
    this.destinations?.close();
    this.outsideHosts?.close();
    this.table.clear();
    this.outliers?.setHosts([]);
    this.rebalance();
  }

  /** Hosts that were healthy under the old checks stay so until changed ones say otherwise. */
  private replaceHealthChecks({ healthCheck }: ClusterConfig): void {
    if (this.healthChecks?.config.fingerprint === healthCheck?.fingerprint) return;
    const trusted = new Set(this.table.hosts.filter((host) => !host.failedActiveCheck));
    this.healthChecks?.close();
    const { clock, random, createConnection } = this.deps;
    this.healthChecks =
      healthCheck === undefined || createConnection === undefined
        ? undefined
        : new HealthChecks(
            healthCheck,
            {
              clock,
              random,
              hasTraffic: () => this.connected,
              onChange: () => this.rebalance(),
              onHealthy: (host) => this.outliers?.onHealthy(host),
              target: (host, { altPort }) => ({
                authority: host.healthHostname || host.hostname || this.name,
                connect: (events, protocol) =>
                  this.dial(host, host.healthPort ?? altPort ?? host.port, events, protocol),
                createCodec: (socket, events, protocol) => createConnection(socket, events, protocol, this),
              }),
            },
            trusted,
          );
  }

  /** Hosts, their health or those of our own cluster are others than before. */
  rebalance(): void {
    this.balancer = undefined;
    // How often the zones were looked at is counted.
    if (this.deps.localCluster !== undefined && this.asleep === undefined) this.newBalancer();
  }

  private newBalancer(): LoadBalancer {
    const { balancer, common } = this.current;
    this.balancer = new LoadBalancer(
      {
        hosts: this.table.hosts,
        overprovisioning: this.endpoints.overprovisioning,
        localityWeights: this.endpoints.localityWeights,
        common,
        factory: balancerFactory(balancer, () => this.deps.clock.monotonic()),
        hashing: isHashing(balancer),
        local: this.deps.localCluster,
        zoneStats: this.traffic.zones,
      },
      this.deps.random,
    );
    return this.balancer;
  }
}

/** An address is no server name (RFC 6066 section 3), but one that a certificate may bear. */
function tlsNames(by: NamesByRequest, name: string): Pick<DialOptions, 'serverName' | 'certificateName'> {
  return {
    ...(by.sni && isIP(name) === 0 && { serverName: name }),
    ...(by.certificate && { certificateName: name }),
  };
}

/** A response as the cluster's own idea of an error makes it count: an error is a 5xx, anything else a success. */
function judged(outcome: AttemptOutcome, isError: ((status: number) => boolean) | undefined): AttemptOutcome {
  if (isError === undefined || outcome.kind !== 'response') return outcome;
  const { status } = outcome;
  return { kind: 'response', status: !isError(status) ? 200 : status >= 500 ? status : 500 };
}
