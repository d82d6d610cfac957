import {
  Server,
  type ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Clock } from '../common/runtime/clock.js';
import type { Lifecycle } from '../common/runtime/lifecycle.js';
import type { Logger } from '../common/runtime/log.js';
import { TYPE } from '../common/xds/type-urls.js';
import { ClientGuard } from './ca/client-guard.js';
import type { ExternalSigner } from './ca/external-signer.js';
import { ForeignRootSource, type ForeignRootsSettings, getBundle } from './ca/foreign-roots.js';
import type { Issuer } from './ca/issuer.js';
import { CaService } from './ca/service.js';
import type { TokenVerifier } from './ca/tokens.js';
import { TrustResource } from './ca/trust-resource.js';
import type { ControlPlaneMetrics } from './debug/metrics.js';
import type { Occurrence } from './history/interventions.js';
import { Undo } from './history/undo.js';
import { fetchText } from './jwks/fetch.js';
import { JwksResolver, jwksSettings } from './jwks/resolver.js';
import { type Allotter, Mesh } from './mesh.js';
import { ownTrustDomains } from './model/mesh-settings.js';
import type { ProxyNode } from './model/proxy-node.js';
import type { MeshSnapshot } from './model/snapshot.js';
import { GatewayNames, lookUp } from './networks/gateway-names.js';
import { type Observation, type ObservationSources, wireObservation } from './observe/observation.js';
import { groupIn, Registrar, type RegistrationStore } from './registration/registrar.js';
import type { Source } from './sources/source.js';
import { LargeMessages } from './xds/large-messages.js';
import type { ProxyResources } from './xds/resources.js';
import { AdsServer } from './xds/server.js';
import type { Rejection } from './xds/watch.js';

export const MAX_TTL_SECONDS = 90 * 86_400;
/** A proxy has a handful of streams on its connection; a connection without any is let go. */
const LIMITS = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_concurrent_streams': 128,
  'grpc.max_connection_idle_ms': 300_000,
};

/** What differs between a machine, a cluster and a test. */
export interface ControlPlaneParts {
  readonly source: Source;
  readonly allotter: Allotter;
  readonly translate: (snapshot: MeshSnapshot, node: ProxyNode, listenerNames: readonly string[]) => ProxyResources;
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Lines about the configuration, for people; standard error unless told otherwise. */
  readonly report?: (line: string) => void;
}

export interface CoreOptions {
  readonly parts: ControlPlaneParts;
  readonly issuer: Issuer;
  /** Signs the certificates of workloads in the issuer's place. */
  readonly external?: ExternalSigner | undefined;
  readonly verifier: TokenVerifier;
  readonly metrics: ControlPlaneMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where numbers about traffic come from, besides the own sidecars. */
  readonly observation?: ObservationSources | undefined;
  /** Called after every new snapshot, when its pushes have been asked for. */
  readonly onSnapshot?: () => void;
  /** Where the workloads of proxies that join by a WorkloadGroup are kept; in the mesh alone unless told otherwise. */
  readonly registrations?: RegistrationStore;
  /** Called for every rollback and bypass, and for their ends. */
  readonly onOccurrence?: (occurrence: Occurrence) => void;
  /** Called for every new version of the configuration. */
  readonly onVersion?: () => void;
  /** Called when a proxy has lost its connection. */
  readonly onDisconnected?: (id: string) => void;
}

/** What every control plane consists of, wherever its configuration and its keys come from. */
export interface Core {
  readonly mesh: Mesh;
  readonly ads: AdsServer;
  readonly ca: CaService;
  readonly observation: Observation;
  readonly undo: Undo;
  readonly registrar: Registrar;
}

/** What reads what: every snapshot is pushed to all proxies, which get only what differs for them; a refusal may move ports. */
export function wireCore({ parts, issuer, external, verifier, metrics, clock, log, ...listeners }: CoreOptions): Core {
  const { onOccurrence, onVersion, onSnapshot, onDisconnected, registrations } = listeners;
  const foreign = new ForeignRootSource({
    settings: () => foreignSettings(mesh),
    get: getBundle,
    onChange: () => ads.pushAll(),
    clock,
    log,
  });
  const trust = new TrustResource(issuer, () => foreign.roots(), external);
  const guard = new ClientGuard(clock, log);
  const keys = new JwksResolver({
    ...jwksSettings(process.env),
    clock,
    random: Math.random,
    log,
    fetch: fetchText,
    onChange: () => void mesh.refresh(),
  });
  const gatewayNames = new GatewayNames({ resolve: lookUp, onChange: () => void mesh.refresh(), clock, log });
  const undo: Undo = new Undo({
    mesh: () => mesh,
    proxies: () => observation.local.facts(),
    ...(onOccurrence !== undefined && { onOccurrence }),
    ...(onVersion !== undefined && { onVersion }),
    clock,
    log,
  });
  const mesh: Mesh = new Mesh({
    keys,
    gatewayNames,
    allotter: parts.allotter,
    interventions: () => undo.interventions,
    onSnapshot: (snapshot, tookMs) => {
      const errors = mesh.findings.filter(({ level }) => level === 'error').length;
      metrics.snapshotTaken(snapshot, errors, tookMs);
      undo.recorded();
      foreign.update();
      registrar.reconsider();
      ads.pushAll();
      onSnapshot?.();
    },
    report: parts.report ?? ((line) => process.stderr.write(`${line}\n`)),
    clock,
    log,
  });
  const registrar = new Registrar({
    groupOf: (namespace, name) => groupIn(mesh.configuration, namespace, name),
    store: registrations ?? { keep: (entries) => mesh.register(entries) },
    clock,
    log,
  });
  const ads = new AdsServer({
    generate: (node, listenerNames) => {
      const snapshot = mesh.snapshotFor(node);
      if (snapshot === undefined) throw new Error('there is no configuration yet');
      const resources = parts.translate(snapshot, node, listenerNames);
      return node.dataPlane === 'grpc' ? resources : new Map([...resources, [TYPE.trustBundle, trust.resources()]]);
    },
    verifier,
    guard,
    accountOf: (namespace, workload) => mesh.snapshot?.workloads.get(`${namespace}/${workload}`)?.serviceAccount,
    events: {
      ...metrics.xds,
      connected: (node) => {
        metrics.xds.connected(node);
        registrar.connected(node);
      },
      disconnected: (node) => {
        metrics.xds.disconnected(node);
        registrar.disconnected(node);
        onDisconnected?.(node.id);
      },
      accepted: (node, typeUrl) => {
        // Never rejects: what cannot be built leaves the snapshot that is there.
        if (typeUrl === TYPE.listener) void mesh.listens(`${node.namespace}/${node.workload}`);
      },
      rejected: (node, typeUrl, rejection) => {
        metrics.xds.rejected(node, typeUrl, rejection);
        if (!isPortTaken(typeUrl, rejection)) return;
        mesh.portTaken(`${node.namespace}/${node.workload}`, rejection.reason).catch((error: unknown) => {
          log.error({ err: error, proxy: node.id }, 'could not allot other ports');
        });
      },
    },
    clock,
    log,
  });
  metrics.watch(() => ads.proxies());
  issuer.onReplaced(() => ads.pushAll());
  const observation: Observation = wireObservation({
    sources: listeners.observation,
    mesh,
    ads,
    verifier,
    guard,
    clock,
    log,
  });
  return {
    mesh,
    ads,
    observation,
    undo,
    registrar,
    ca: new CaService({
      issuer,
      external,
      verifier,
      guard,
      trustDomains: () => trustDomainsOf(mesh),
      events: metrics.ca,
      log,
    }),
  };
}

function foreignSettings({ snapshot }: Mesh): ForeignRootsSettings {
  if (snapshot === undefined) return { ownDomains: [], caCertificates: [] };
  const { settings } = snapshot;
  return { ownDomains: ownTrustDomains(settings), caCertificates: settings.caCertificates };
}

export function trustDomainOf(mesh: Mesh): string {
  return mesh.snapshot?.settings.trustDomain ?? 'cluster.local';
}

function trustDomainsOf(mesh: Mesh): readonly [own: string, ...aliases: string[]] {
  return [trustDomainOf(mesh), ...(mesh.snapshot?.settings.trustDomainAliases ?? [])];
}

/** Resolves when the source's first set is in force. */
export async function firstConfiguration(source: Source, mesh: Mesh, metrics: ControlPlaneMetrics): Promise<void> {
  let first: Promise<void> | undefined;
  await source.start((set, debouncedMs) => {
    if (debouncedMs !== undefined) metrics.debounced(debouncedMs);
    const done = mesh.update(set);
    first ??= done;
  });
  await first;
  if (mesh.snapshot === undefined) throw new Error('the configuration could not be read');
}

export interface GrpcPort {
  readonly port: number;
  /** Takes no more connections and lets calls end that were sent away; after `graceMs` what is left is cut off. */
  drain(graceMs: number, clock: Clock): Promise<void>;
  close(): void;
}

/** Resolves when it listens. */
export async function listenGrpc(
  services: readonly (readonly [ServiceDefinition, UntypedServiceImplementation])[],
  at: {
    readonly host: string;
    readonly port: number;
    readonly credentials: ServerCredentials;
    /** Large messages, for clients that read that; so unless told otherwise. */
    readonly compress?: boolean | undefined;
  },
): Promise<GrpcPort> {
  const messages = new LargeMessages();
  const server = new Server({ ...LIMITS, interceptors: [messages.interceptor] });
  for (const [definition, handlers] of services) server.addService(definition, handlers);
  const port = await new Promise<number>((done, fail) => {
    server.bindAsync(`${at.host}:${at.port}`, at.credentials, (error, taken) =>
      error === null ? done(taken) : fail(error),
    );
  });
  if (at.compress !== false) messages.compress(server);
  return {
    port,
    drain: (graceMs, clock) =>
      new Promise((done) => {
        const timer = clock.after(graceMs, done);
        server.tryShutdown(() => {
          timer.cancel();
          done();
        });
      }),
    close: () => server.forceShutdown(),
  };
}

/** The port of a gRPC server that ends with the process's parts; streams are endless, so there is nothing to wait for. */
export async function keepGrpc(listening: Promise<GrpcPort>, lifecycle: Lifecycle): Promise<number> {
  const server = await listening;
  lifecycle.add(`xDS port ${server.port}`, () => server.close());
  return server.port;
}

function isPortTaken(typeUrl: string, rejection: Rejection): boolean {
  return typeUrl === TYPE.listener && /address already in use|EADDRINUSE/i.test(rejection.reason);
}
