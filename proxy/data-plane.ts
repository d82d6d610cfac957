import type { Clock, Random } from '../common/runtime/clock.js';
import { Counters } from '../common/runtime/counters.js';
import type { Logger } from '../common/runtime/log.js';
import { fromStruct, type StructMessage } from '../common/xds/struct.js';
import { listenerCompilers, routeCompilers, upstreamTlsCompiler } from './compilers.js';
import type { ProxyConfig } from './config.js';
import { CoarseTimers } from './http/coarse-timers.js';
import { serveHttp } from './http/connection-manager.js';
import { DownstreamStatsTable } from './http/downstream-stats.js';
import { Http1ClientConnection } from './http1/client-connection.js';
import { Http2ClientConnection } from './http2/client-connection.js';
import type { ListenerDeps } from './listeners/compile-deps.js';
import { compileListener } from './listeners/compile-listener.js';
import { ListenerManager, type ListenerManagerDeps } from './listeners/listener-manager.js';
import { linuxRedirection } from './listeners/original-destination.js';
import { PlaintextConnections } from './listeners/plaintext-connections.js';
import { refusalLogger } from './listeners/refusal.js';
import { meshPeers } from './mesh-peers.js';
import { ForwardingRouter } from './router/forward/forwarding-router.js';
import { ServiceClient } from './router/forward/service-call.js';
import { RouteStore } from './snapshot/route-store.js';
import { serveTcp } from './tcp/serve-tcp.js';
import { accessLogCompiler } from './telemetry/compile-access-log.js';
import { Expressions } from './telemetry/expressions/compile.js';
import { IstioMetrics } from './telemetry/istio-metrics.js';
import { localWorkload } from './telemetry/local-workload.js';
import { LogSinks } from './telemetry/log-sinks.js';
import { OtlpLogs } from './telemetry/otlp-logs.js';
import { TlsDialer } from './tls/dialer.js';
import { SecretStore } from './tls/secrets.js';
import { tracedNode } from './tracing/tracers.js';
import { ClusterManager } from './upstream/cluster-manager.js';
import { localityText } from './upstream/compile-endpoints.js';
import { plainDialer } from './upstream/dialer.js';
import { type DnsResolver, systemResolver } from './upstream/dns.js';
import type { PoolDeps } from './upstream/http-pool.js';
import { LocalCluster } from './upstream/local-cluster.js';

/** What a proxy takes from outside. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly resolver?: DnsResolver;
}

/** What carries requests: everything between an accepted connection and an upstream host. */
export interface DataPlane {
  readonly secrets: SecretStore;
  readonly clusters: ClusterManager;
  readonly routes: RouteStore;
  readonly listeners: ListenerManager;
  readonly metrics: IstioMetrics;
  readonly counters: Counters;
  readonly downstream: DownstreamStatsTable;
  readonly logs: LogSinks;
  readonly plaintext: PlaintextConnections;
  readonly listenerDeps: ListenerDeps;
}

/** Of a response head, bytes and fields (Envoy: max_response_headers_kb, max_headers_count). */
const RESPONSE_HEAD = { maxHeadBytes: 60 * 1024, maxHeaders: 100 };

/**
 * Wires the data plane, from upstream to downstream, because each part is given the ones behind it: secrets → dialer →
 * clusters → router → filters and routes → listeners. Nothing listens and nothing is connected yet.
 */
export function assembleDataPlane(
  config: ProxyConfig,
  runtime: Runtime,
  hooks: Pick<ListenerManagerDeps, 'routesMissing' | 'onChange' | 'onBoundLate'>,
): DataPlane {
  const { clock, random, log } = runtime;
  const metadata = config.node.metadata === undefined ? {} : fromStruct(config.node.metadata as StructMessage);
  const own = localWorkload(metadata);
  const counters = new Counters();
  const metrics = new IstioMetrics(own, { clock, evictionMs: config.statsEvictionMs });
  const logs = new LogSinks(clock);
  const expressions = new Expressions({ ...config.node, metadata });
  const timers = new CoarseTimers(clock);
  const downstream = new DownstreamStatsTable();

  const secrets = new SecretStore();
  const dialer = new TlsDialer({ plain: plainDialer(clock), secrets, clock });
  const countHttp2 = (name: string): void => counters.get(`http2.${name}`).increment();
  const createConnection: PoolDeps['createConnection'] = (
    socket,
    events,
    protocol,
    { settings: { http2 }, traffic },
  ) =>
    protocol === 'http1'
      ? new Http1ClientConnection(socket, events, { clock })
      : new Http2ClientConnection(socket, events, {
          clock,
          ...RESPONSE_HEAD,
          count: traffic.countHttp2,
          random,
          ...(http2 !== undefined && { settings: http2 }),
        });
  const clusters: ClusterManager = new ClusterManager({
    clock,
    random,
    log,
    dialer,
    createConnection,
    resolver: runtime.resolver ?? systemResolver,
    localCluster: ownCluster(config),
    isOwnListener: (ip, port) => listeners.sendsOutFrom(ip, port),
    compileTls: upstreamTlsCompiler,
    onChange: hooks.onChange,
  });

  const pools: PoolDeps = { clock, timers, createConnection };
  const router = new ForwardingRouter({ clusters, random, ...pools });
  const services = new ServiceClient({ clusters, ...pools });

  const serviceCluster = config.node.cluster ?? '';
  const routeDeps = routeCompilers({ clock, random, counters, serviceCluster });
  const routes = new RouteStore({
    routes: routeDeps,
    clock,
    warn: (name, warnings) => log.warn({ routes: name, warnings }, 'fields without effect'),
    changed: hooks.onChange,
  });

  const listenerDeps = listenerCompilers(routeDeps, {
    clock,
    random,
    counters,
    clusters,
    services,
    metrics,
    expressions,
    node: tracedNode(config.node),
    peerMetadata: meshPeers(config, own, clusters),
    compileAccessLog: accessLogCompiler({
      sinks: logs,
      expressions,
      otlp: new OtlpLogs({ clock, services, counters: counters.get, node: tracedNode(config.node) }),
    }),
    routeSource: (name) => routes.routeSource(name),
  });
  const redirection = linuxRedirection();
  const plaintext = new PlaintextConnections();
  let connectionId = 0;
  const listeners: ListenerManager = new ListenerManager({
    secrets,
    clock,
    log,
    drainMs: config.listenerDrainMs,
    originalDestination: redirection.destination,
    prepareRedirection: redirection.prepare,
    makeTransparent: redirection.makeTransparent,
    compile: (message) => compileListener(message, listenerDeps),
    serveHttp: (socket, connection, live, protocol) =>
      serveHttp(
        socket,
        connection,
        live,
        { router, clock, random, log, timers, countHttp2, stats: downstream },
        protocol,
      ),
    serveTcp: (socket, connection, tcp) => serveTcp(socket, connection, tcp, { clusters, clock, random }),
    onRefused: refusalLogger(clock, log),
    onPlaintext: (chain, { localPort, remoteIp }) => plaintext.count(chain, localPort, remoteIp, clock.now()),
    nextConnectionId: () => ++connectionId,
    routesMissing: hooks.routesMissing,
    onChange: hooks.onChange,
    ...(hooks.onBoundLate !== undefined && { onBoundLate: hooks.onBoundLate }),
  });
  return { secrets, clusters, routes, listeners, metrics, counters, downstream, logs, plaintext, listenerDeps };
}

function ownCluster({ bootstrap, node }: ProxyConfig): LocalCluster | undefined {
  const name = bootstrap.cluster_manager?.local_cluster_name ?? '';
  // Istio's node ID: `sidecar~IP~…`.
  const [, address = ''] = (node.id ?? '').split('~');
  return name === '' ? undefined : new LocalCluster(name, localityText(node.locality), address);
}
