import { OBSERVE } from '../common/observe/metadata.js';
import { type Clock, type Random, systemClock } from '../common/runtime/clock.js';
import { Lifecycle } from '../common/runtime/lifecycle.js';
import { createLogger, type Logger } from '../common/runtime/log.js';
import { TYPE } from '../common/xds/type-urls.js';
import type { Cluster } from '../proto/gen/envoy/config/cluster/v3/Cluster.js';
import { prometheusText } from './admin/commands.js';
import { type AdminServer, startAdmin } from './admin/server.js';
import { adminSources } from './admin-sources.js';
import type { ProxyConfig } from './config.js';
import { Configuration } from './configuration.js';
import { assembleDataPlane, type DataPlane, type Runtime } from './data-plane.js';
import type { DnsProxy } from './dns/dns-proxy.js';
import { nodeMetadata } from './observe/metadata.js';
import { Issues } from './snapshot/issues.js';
import { CaClient } from './tls/ca-client.js';
import { SecretHandler } from './tls/secret-handler.js';
import type { SecretStore } from './tls/secrets.js';
import { TrustHandler } from './tls/trust-handler.js';
import type { DnsResolver } from './upstream/dns.js';
import type { OpenAdsStream } from './xds/ads-client.js';
import type { GrpcEndpoint } from './xds/grpc-stream.js';
import type { ResourceError } from './xds/resources.js';
import { adsEndpoint } from './xds/server-endpoint.js';

/** What a test may put in the place of the real thing. */
export interface ProxyOverrides {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
  readonly resolver?: DnsResolver;
  /** Called when /quitquitquit asked for the end and the proxy has stopped. */
  readonly onQuit?: () => void;
}

/** A running proxy. */
export interface ProxyApp {
  /** Whether the first configuration is in and the proxy is not draining. */
  readonly ready: boolean;
  /** Port of the admin server; undefined when it is off. */
  readonly adminPort: number | undefined;
  /** Where each listener listens, by its name. */
  addresses(): ReadonlyMap<string, readonly { readonly host: string; readonly port: number }[]>;
  /** Opens the access logs anew, after a rotation moved them. */
  reopenLogs(): void;
  /** Port of the DNS proxy; undefined when it is off. */
  readonly dnsPort: number | undefined;
  /** All metrics in Prometheus' text format. */
  statistics(): AsyncIterable<string>;
  /** Not ready any more; inbound connections are asked to go, new ones and outbound go on. */
  leave(): void;
  /** Connections of inbound listeners. */
  readonly inboundConnections: number;
  /** Stops accepting, lets requests finish up to the drain time, then stops. */
  drain(): Promise<void>;
  /** Stops at once. */
  stop(): Promise<void>;
}

const DRAIN_POLL_MS = 50;

/**
 * Starts a proxy. The order matters: certificates are asked for first because everything waits for them; static resources come
 * before dynamic ones because the xDS server is reached through a static cluster.
 * Rejects when the static configuration is not valid or an address is taken.
 */
export async function startProxy(config: ProxyConfig, overrides: ProxyOverrides = {}): Promise<ProxyApp> {
  const runtime: Runtime = {
    clock: systemClock,
    random: Math.random,
    log: overrides.log ?? createLogger('proxy'),
    ...overrides,
  };
  const issues = new Issues();
  const endpoint = adsEndpoint(config, issues);
  failOn(issues.errors);

  const lifecycle = new Lifecycle();
  let configuration: Configuration | undefined;
  const plane = assembleDataPlane(config, runtime, {
    routesMissing: (name) => configuration?.routesMissing(name) ?? false,
    onChange: () => configuration?.changed(),
    onBoundLate: (name) => configuration?.ads?.acceptedLate(TYPE.listener, name),
  });
  lifecycle.add('access logs', () => plane.logs.flush());
  lifecycle.add('clusters', () => plane.clusters.close());
  lifecycle.add('listeners', () => plane.listeners.destroy());
  const ca = await startCa(config, endpoint, plane.secrets, runtime, () => configuration?.changed());
  if (ca !== undefined) lifecycle.add('CA client', () => ca.stop());

  if (config.workloadApi !== undefined) {
    const api = await newWorkloadApi(config.workloadApi, plane, runtime.log);
    lifecycle.add('workload API', () => api.close());
  }

  // gRPC is loaded only where there is somebody to speak it to: it costs a start tens of milliseconds.
  const open = endpoint === undefined ? undefined : await adsOpener(config, endpoint, () => ca?.pushedRoots ?? '');
  const dns = config.dns === undefined ? undefined : await newDnsProxy(config, config.dns, runtime);
  const trust = ca === undefined ? [] : [new TrustHandler((bundle) => ca.trust(bundle))];
  configuration = new Configuration(
    config,
    plane,
    runtime,
    open,
    [...trust, ...(dns === undefined ? [] : [dns.names])],
    ca,
  );
  const dynamic = configuration;
  lifecycle.add('configuration', () => dynamic.stop());
  const drain = async (): Promise<void> => {
    dynamic.readiness.drain();
    await drainListeners(plane, config.drainMs, runtime.clock);
    await lifecycle.close();
  };
  const stop = (): Promise<void> => lifecycle.close();
  const leave = (): void => {
    dynamic.readiness.drain();
    plane.listeners.leave(true);
  };
  const sources = adminSources({
    ...{ config, plane, configuration: dynamic, ca, dns: dns?.statistics, clock: runtime.clock, log: runtime.log },
    drain: ({ inboundOnly, graceful }) => {
      if (graceful) plane.listeners.leave(inboundOnly);
      else if (inboundOnly) plane.listeners.drainInbound(config.drainMs);
      else plane.listeners.drain(config.drainMs);
    },
    quit: () => {
      const done = (): void => overrides.onQuit?.();
      drain().then(done, done);
    },
  });
  let admin: AdminServer | undefined;
  try {
    if (config.admin !== undefined) {
      admin = await startAdmin(config.admin, sources);
      lifecycle.add('admin server', () => admin?.close());
    }
    if (dns !== undefined) {
      await dns.start();
      lifecycle.add('DNS proxy', () => dns.close());
    }
    failOn(describe(await addStaticResources(config, plane)));
    await dynamic.start();
    if (open !== undefined && observes(config)) {
      const { startObserver } = await import('./observe/start.js');
      const observer = startObserver({ config, plane, sources, ca, open, runtime });
      lifecycle.add('observer', () => observer.stop());
    }
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
  return {
    get ready() {
      return dynamic.readiness.ready;
    },
    adminPort: admin?.port,
    addresses: () => new Map(plane.listeners.list().map(({ listener }) => [listener.name, listener.addresses])),
    reopenLogs: () => plane.logs.reopen(),
    get dnsPort() {
      return dns?.port;
    },
    statistics: () => prometheusText(sources),
    leave,
    get inboundConnections() {
      return plane.listeners.inboundConnectionCount;
    },
    drain,
    stop,
  };
}

function observes(config: ProxyConfig): boolean {
  return nodeMetadata(config)[OBSERVE] === 'true';
}

/** Loaded only where it is wanted. */
async function newDnsProxy(
  config: ProxyConfig,
  place: NonNullable<ProxyConfig['dns']>,
  runtime: Runtime,
): Promise<DnsProxy> {
  const { DnsProxy } = await import('./dns/dns-proxy.js');
  return new DnsProxy({ ...place, namespace: config.workload.namespace, ...runtime });
}

async function newWorkloadApi(
  settings: NonNullable<ProxyConfig['workloadApi']>,
  { secrets, counters }: DataPlane,
  log: Logger,
): Promise<{ close(): Promise<void> }> {
  const { startWorkloadApi } = await import('./workload-api/server.js');
  const { peerUids } = await import('./workload-api/peer-credentials.js');
  return startWorkloadApi({ ...settings, secrets, counters, log, peerUid: peerUids() });
}

/**
 * Every stream reads the server's roots anew: they may have been replaced. Roots that cannot be read leave the last ones, and
 * those that the server has pushed count too: the file of a pod is late.
 */
async function adsOpener(config: ProxyConfig, first: GrpcEndpoint, pushedRoots: () => string): Promise<OpenAdsStream> {
  const { grpcOpener } = await import('./xds/grpc-stream.js');
  let endpoint = first;
  return (method, events) => {
    const issues = new Issues();
    const fresh = adsEndpoint(config, issues);
    if (fresh !== undefined && issues.errors.length === 0) endpoint = fresh;
    return grpcOpener(alsoTrusting(endpoint, pushedRoots()))(method, events);
  };
}

function alsoTrusting(endpoint: GrpcEndpoint, pem: string): GrpcEndpoint {
  const { tls } = endpoint;
  if (tls?.validation.roots.kind !== 'inline' || pem === '') return endpoint;
  const roots = { kind: 'inline' as const, pem: `${tls.validation.roots.pem}\n${pem}` };
  return { ...endpoint, tls: { ...tls, validation: { ...tls.validation, roots } } };
}

/** The CA client, when the bootstrap says where the CA is. Its issuer counts where the xDS server is the CA. */
async function startCa(
  config: ProxyConfig,
  xds: GrpcEndpoint | undefined,
  secrets: SecretStore,
  runtime: Runtime,
  onIssuer: () => void,
): Promise<CaClient | undefined> {
  const { ca, workload, tokenPath } = config;
  if (ca === undefined) return undefined;
  const { caService } = await import('./tls/ca-service.js');
  const followsIssuer = xds?.targets.includes(ca.address) === true;
  const request = caService({
    address: ca.address,
    rootsPath: ca.rootsPath,
    moreRoots: () => (followsIssuer ? client.pushedRoots : ''),
    tokenPath,
  });
  const { ttlSeconds, keyKind } = ca;
  const client: CaClient = new CaClient({
    ...runtime,
    identity: workload,
    ttlSeconds,
    keyKind,
    request,
    followsIssuer,
    onIssuer,
    secrets,
  });
  client.start();
  return client;
}

/** Secrets before the clusters and listeners that name them. */
async function addStaticResources(config: ProxyConfig, plane: DataPlane): Promise<readonly ResourceError[]> {
  const { secrets = [], clusters = [], listeners = [] } = config.staticResources;
  const handler = new SecretHandler(plane.secrets, 'static');
  const upserts = new Map(secrets.map((secret) => [secret.name ?? '', secret]));
  return [
    ...handler.apply({ upserts, removals: [], version: '' }),
    ...plane.clusters.addStatic(clusters as readonly Cluster[]),
    ...(await plane.listeners.addStatic(listeners)),
  ];
}

async function drainListeners(plane: DataPlane, graceMs: number, clock: Clock): Promise<void> {
  plane.listeners.drain(graceMs);
  const end = clock.monotonic() + graceMs;
  while (plane.listeners.connectionCount > 0 && clock.monotonic() < end) {
    await new Promise<void>((resolve) => {
      setTimeout(resolve, DRAIN_POLL_MS);
    });
  }
}

function describe(errors: readonly ResourceError[]): string[] {
  return errors.map(({ resource, message }) => `${resource}: ${message}`);
}

function failOn(errors: readonly string[]): void {
  if (errors.length > 0) throw new Error(errors.join('\n'));
}
