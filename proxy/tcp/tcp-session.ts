import type { Socket } from 'node:net';
import { joinAddress } from '../../common/runtime/address.js';
import type { Timer } from '../../common/runtime/clock.js';
import { FAILURE_FIRST, FLAG } from '../http/flags.js';
import { type ConnectionInfo, type PeerInfo, StreamInfo } from '../http/stream-info.js';
import type { TcpProxyConfig, TunnelConfig } from '../listeners/config.js';
import type { Cluster, Host, OutsidePreparation } from '../upstream/cluster.js';
import { xxHash64 } from '../upstream/xxhash64.js';
import type { PostTunnel } from './post-tunnel.js';
import { relay } from './relay.js';
import type { TcpDeps, TcpHandle } from './serve-tcp.js';
import { openTunnel, type TunnelEvents } from './tunnel.js';

/** One relayed connection from accept to its log line. */
export class TcpSession implements TcpHandle {
  private readonly info: StreamInfo;
  private upstream: Socket | undefined;
  private established = false;
  private finished = false;
  /** What to give back when the current upstream connection is over. */
  private release: () => void = () => undefined;
  private lastActivity = 0;
  private idleTimer: Timer | undefined;
  private durationTimer: Timer | undefined;
  /** Where the client wanted to go, for clusters whose host it chooses. */
  private destination: string;

  constructor(
    private readonly socket: Socket,
    connection: ConnectionInfo,
    private readonly config: TcpProxyConfig,
    private readonly deps: TcpDeps,
  ) {
    this.info = new StreamInfo(connection);
    this.destination = connection.localAddress;
    this.info.startEpoch = deps.clock.now();
    this.info.start = deps.clock.monotonic();
  }

  start(): void {
    this.socket.pause();
    this.socket.on('error', ignore);
    this.socket.once('close', this.onEarlyClose);
    const { maxDownstreamConnectionDurationMs: limit = 0 } = this.config;
    if (limit > 0) this.durationTimer = this.deps.clock.after(limit, () => this.abort(FLAG.DT));
    const name = this.bySni() ?? this.deps.cluster ?? this.chooseCluster();
    const cluster = this.deps.clusters.get(name);
    if (cluster === undefined) {
      this.abort(FLAG.NC);
      return;
    }
    this.info.clusterName = name;
    this.info.destinationService = cluster.service;
    if (cluster.outside !== undefined && this.config.lookUpSni !== undefined) this.lookUp(cluster, cluster.outside);
    else this.attempt(cluster);
  }

  /** The host that the client's TLS names has to be found before it can be tried. */
  private lookUp(cluster: Cluster, outside: OutsidePreparation): void {
    const { sni } = this.info.connection.peer;
    if (sni === undefined || sni === '') {
      this.abort(FLAG.UH);
      return;
    }
    this.destination = `${sni}:${this.config.lookUpSni ?? 0}`;
    const pending = outside.prepare(this.destination);
    if (pending === undefined) {
      this.attempt(cluster);
      return;
    }
    void pending.then((failure) => {
      if (this.finished) return;
      if (failure === undefined) this.attempt(cluster);
      else this.abort(failure === 'overflow' ? FLAG.UO : FLAG.DF);
    });
  }

  drain(): void {
    if (!this.established) this.destroy();
  }

  destroy(): void {
    this.socket.destroy();
    this.upstream?.destroy();
    // Before the relay has both sockets nothing else tells that this is over.
    if (!this.established) this.finish();
  }

  private attempt(cluster: Cluster): void {
    const resources = cluster.resources('default');
    if (resources.connections >= resources.maxConnections) {
      resources.connectionOverflows++;
      this.abort(FLAG.UO);
      return;
    }
    const host = cluster.chooseHost({
      hash: this.config.hashSource === true ? xxHash64(this.info.connection.remoteIp) : undefined,
      avoid: [],
      avoidAttempts: 0,
      destination: this.destination,
    });
    if (host === undefined) {
      cluster.traffic.withoutHost++;
      this.abort(FLAG.UH);
      return;
    }
    this.info.attempts++;
    this.info.upstreamHost = host.address;
    this.info.upstreamHostname = host.hostname ?? '';
    resources.connections++;
    host.activeRequests++;
    host.stats.total++;
    cluster.traffic.connections++;
    cluster.traffic.requests++;
    this.release = () => {
      this.release = ignore;
      resources.connections--;
      host.activeRequests--;
    };
    this.info.upstreamStart = this.deps.clock.monotonic();
    const events = {
      onReady: (peer: PeerInfo) => this.onReady(cluster, host, peer),
      onFailed: (reason: 'connect-failure' | 'connect-timeout', detail: string) =>
        this.onFailed(cluster, host, reason, detail),
    };
    this.upstream = cluster.connect(host, events, 'auto', { downstream: this.info.connection, alpn: this.config.alpn });
  }

  private onFailed(cluster: Cluster, host: Host, reason: 'connect-failure' | 'connect-timeout', detail: string): void {
    this.release();
    if (this.finished) return;
    host.stats.connectFail++;
    cluster.traffic.connectFailures++;
    if (reason === 'connect-timeout') cluster.traffic.connectTimeouts++;
    host.stats.error++;
    this.info.upstreamTransportFailureReason = detail;
    cluster.report(host, { kind: reason === 'connect-timeout' ? 'timeout' : 'connect-failure' });
    if (this.info.attempts < this.config.maxConnectAttempts) this.attempt(cluster);
    else this.abort(FLAG.UF | FLAG.URX | FAILURE_FIRST);
  }

  private onReady(cluster: Cluster, host: Host, peer: PeerInfo): void {
    const { upstream, config } = this;
    if (upstream === undefined || this.finished) return;
    if (config.tunnel === undefined) this.establish(cluster, host, peer, upstream);
    else {
      this.enterTunnel(config.tunnel, cluster, host, upstream, (stream) =>
        this.establish(cluster, host, peer, upstream, stream),
      );
    }
  }

  /** A forward proxy that will not is like a host that cannot be reached. */
  private enterTunnel(
    tunnel: TunnelConfig,
    cluster: Cluster,
    host: Host,
    upstream: Socket,
    onOpen: TunnelEvents['onOpen'],
  ): void {
    let settled = false;
    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      timer.cancel();
      upstream.off('close', onClose);
      return true;
    };
    const refuse = (reason: string): void => {
      if (!settle()) return;
      upstream.destroy();
      this.onFailed(cluster, host, 'connect-failure', reason);
    };
    const onClose = (): void => refuse('the proxy hung up before it answered');
    const timer = this.deps.clock.after(cluster.settings.connectTimeoutMs, () => refuse('the proxy does not answer'));
    upstream.on('error', ignore);
    upstream.once('close', onClose);
    openTunnel(upstream, tunnel, {
      onOpen: (stream) => {
        if (settle()) onOpen(stream);
      },
      onRefused: refuse,
    });
  }

  /** `stream` carries the connection's bytes where its socket does not. */
  private establish(
    cluster: Cluster,
    host: Host,
    peer: PeerInfo,
    upstream: Socket,
    stream: Socket | PostTunnel = upstream,
  ): void {
    this.established = true;
    host.stats.success++;
    cluster.report(host, { kind: 'response', status: 200 });
    this.info.upstreamTransportFailureReason = '';
    this.info.upstreamPeer = peer;
    this.info.peerWorkload = host.workload;
    this.info.upstreamLocalAddress = localAddress(upstream);
    for (const hook of this.config.onOpen ?? []) hook(this.info);
    this.startIdleTimer();
    this.socket.off('close', this.onEarlyClose);
    upstream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') this.info.flags |= FLAG.UR;
    });
    relay(this.socket, stream, {
      onForward: (bytes) => {
        this.info.bytesReceived += bytes;
        this.lastActivity = this.deps.clock.monotonic();
      },
      onBackward: (bytes) => {
        if (this.info.upstreamFirstByte < 0) this.info.upstreamFirstByte = this.deps.clock.monotonic();
        this.info.bytesSent += bytes;
        this.lastActivity = this.deps.clock.monotonic();
      },
      onClosed: () => this.finish(),
    });
  }

  /** One timer that looks when it fires how long it has been quiet, instead of one set anew for every chunk. */
  private startIdleTimer(): void {
    const { idleTimeoutMs } = this.config;
    this.lastActivity = this.deps.clock.monotonic();
    if (idleTimeoutMs <= 0) return;
    const check = (): void => {
      const quiet = this.deps.clock.monotonic() - this.lastActivity;
      if (quiet >= idleTimeoutMs) this.destroy();
      else this.idleTimer = this.deps.clock.after(idleTimeoutMs - quiet, check);
    };
    this.idleTimer = this.deps.clock.after(idleTimeoutMs, check);
  }

  private readonly onEarlyClose = (): void => this.destroy();

  private abort(flags: number): void {
    this.info.flags |= flags;
    this.destroy();
  }

  private finish(): void {
    if (this.finished) return;
    this.finished = true;
    this.idleTimer?.cancel();
    this.durationTimer?.cancel();
    this.release();
    this.info.end = this.deps.clock.monotonic();
    for (const hook of this.config.onClose) hook(this.info);
    for (const log of this.config.accessLogs) log.log(this.info, undefined, undefined);
  }

  /** A client that names no server leaves the choice to the configuration. */
  private bySni(): string | undefined {
    const { sni } = this.info.connection.peer;
    return this.config.clusterBySni === true && sni !== undefined && sni !== '' ? sni : undefined;
  }

  private chooseCluster(): string {
    const { clusters } = this.config;
    const first = clusters[0]?.name ?? '';
    if (clusters.length < 2) return first;
    const total = clusters.reduce((sum, cluster) => sum + cluster.weight, 0);
    let rest = this.deps.random() * total;
    for (const cluster of clusters) {
      rest -= cluster.weight;
      if (rest < 0) return cluster.name;
    }
    return first;
  }
}

function localAddress(socket: Socket): string {
  const { localAddress: ip, localPort } = socket;
  if (ip === undefined || localPort === undefined) return '';
  return joinAddress(ip, localPort);
}

function ignore(): void {}
