import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { type Clock, systemClock, type Timer } from '../common/runtime/clock.js';
import { messageOf } from '../common/runtime/errors.js';
import { Lifecycle } from '../common/runtime/lifecycle.js';
import { createLogger, type Logger } from '../common/runtime/log.js';
import { TYPE } from '../common/xds/type-urls.js';
import { Issuer } from './ca/issuer.js';
import { loadRootCa, type RootCa } from './ca/root.js';
import { CA_SERVICE, CaService } from './ca/service.js';
import { TokenFiles } from './ca/token-files.js';
import { LocalTokenVerifier, loadTokenKey, type TokenVerifier } from './ca/tokens.js';
import { type ControlPlaneConfig, checkConfig } from './config.js';
import { ControlPlaneMetrics } from './debug/metrics.js';
import { debugPages } from './debug/pages.js';
import { DebugServer } from './debug/server.js';
import { type Allotter, Mesh } from './mesh.js';
import type { ProxyNode } from './model/proxy-node.js';
import type { MeshSnapshot } from './model/snapshot.js';
import type { Source } from './sources/source.js';
import {
  type ControlPlaneState,
  listenAgain,
  readLastPorts,
  removeState,
  writeLastPorts,
  writeState,
} from './state-file.js';
import { ServerCertificate } from './xds/credentials.js';
import type { ProxyResources } from './xds/resources.js';
import { AdsServer } from './xds/server.js';
import { ADS_SERVICE } from './xds/service.js';
import type { Rejection } from './xds/watch.js';

const MAX_TTL_SECONDS = 90 * 86_400;
const TOKEN_CHECK_MS = 3_600_000;
const KEEPALIVE = { 'grpc.keepalive_time_ms': 30_000, 'grpc.keepalive_timeout_ms': 10_000 };

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

export interface ControlPlaneApp {
  readonly state: ControlPlaneState;
  stop(): Promise<void>;
}

/**
 * The one place where the control plane is wired: source → mesh (allotment, snapshot) → translation → ADS; beside it the CA
 * on the same port, and the debug port. Resolves when the first configuration is in and everything listens: a proxy that
 * connects earlier would be given an empty mesh.
 */
export async function startControlPlane(
  config: ControlPlaneConfig,
  parts: ControlPlaneParts,
): Promise<ControlPlaneApp> {
  const lifecycle = new Lifecycle();
  try {
    return await start(checkConfig(config), parts, lifecycle);
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}

async function start(
  config: ControlPlaneConfig,
  parts: ControlPlaneParts,
  lifecycle: Lifecycle,
): Promise<ControlPlaneApp> {
  const runtime: Runtime = {
    config,
    stateDir: resolve(config.stateDir),
    clock: parts.clock ?? systemClock,
    log: parts.log ?? createLogger('control-plane'),
    metrics: new ControlPlaneMetrics(parts.clock ?? systemClock),
    lifecycle,
  };
  await mkdir(runtime.stateDir, { recursive: true });
  // Keys first: without them nobody can be told who they are.
  const identity = await loadIdentity(runtime);
  const services = wire(parts, identity, runtime);
  await firstConfiguration(parts.source, services.mesh);
  lifecycle.add('source', () => parts.source.stop());
  await keepTokens(services.mesh, identity.tokens, runtime);
  const ports = await listenOnAll(services, identity, runtime);
  const state = await announce(ports, services.mesh, identity.root, runtime);
  return { state, stop: () => lifecycle.close() };
}

interface Runtime {
  readonly config: ControlPlaneConfig;
  /** Absolute. */
  readonly stateDir: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: ControlPlaneMetrics;
  readonly lifecycle: Lifecycle;
}

interface Identity {
  readonly root: RootCa;
  readonly issuer: Issuer;
  readonly verifier: TokenVerifier;
  readonly tokens: TokenFiles;
}

async function loadIdentity({ config, stateDir, clock, log, metrics }: Runtime): Promise<Identity> {
  const tokenKey = await loadTokenKey(stateDir, log);
  const root = await loadRootCa({ stateDir, organization: 'cluster.local' }, clock, log);
  metrics.rootExpires(Date.parse(root.certificate.validTo));
  return {
    root,
    issuer: new Issuer(root, { defaultTtlSeconds: config.certTtlSeconds, maxTtlSeconds: MAX_TTL_SECONDS }, clock),
    verifier: new LocalTokenVerifier(tokenKey, clock),
    tokens: new TokenFiles(stateDir, tokenKey, clock),
  };
}

interface Services {
  readonly mesh: Mesh;
  readonly ads: AdsServer;
  readonly ca: CaService;
}

/** What reads what: every snapshot is pushed to all proxies, which get only what differs for them; a refusal may move ports. */
function wire(parts: ControlPlaneParts, { issuer, verifier }: Identity, { clock, log, metrics }: Runtime): Services {
  const mesh = new Mesh({
    allotter: parts.allotter,
    onSnapshot: (snapshot, tookMs) => {
      const errors = mesh.findings.filter(({ level }) => level === 'error').length;
      metrics.snapshotTaken(snapshot, errors, tookMs);
      ads.pushAll();
    },
    report: parts.report ?? ((line) => process.stderr.write(`${line}\n`)),
    clock,
    log,
  });
  const ads = new AdsServer({
    generate: (node, listenerNames) => {
      if (mesh.snapshot === undefined) throw new Error('there is no configuration yet');
      return parts.translate(mesh.snapshot, node, listenerNames);
    },
    verifier,
    accountOf: (namespace, workload) => mesh.snapshot?.workloads.get(`${namespace}/${workload}`)?.serviceAccount,
    events: {
      ...metrics.xds,
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
  const trustDomain = (): string => trustDomainOf(mesh);
  return { mesh, ads, ca: new CaService({ issuer, verifier, trustDomain, events: metrics.ca, log }) };
}

function trustDomainOf(mesh: Mesh): string {
  return mesh.snapshot?.settings.trustDomain ?? 'cluster.local';
}

interface Ports {
  readonly xds: number;
  readonly plaintextXds?: number;
  readonly debug: number;
}

/** Takes the ports of the last run where they are free, and remembers which ones it took. */
async function listenOnAll({ mesh, ads, ca }: Services, identity: Identity, runtime: Runtime): Promise<Ports> {
  const { config, stateDir, clock, log, metrics, lifecycle } = runtime;
  const { host } = config;
  const serverCertificate = new ServerCertificate(identity.issuer, clock, log);
  await serverCertificate.start();
  lifecycle.add('server certificate', () => serverCertificate.stop());

  const last = await readLastPorts(stateDir);
  const xds = await listenAgain(config.xdsPort, last.xds, (port) =>
    listenGrpc(
      [
        [ADS_SERVICE, ads.handlers(false)],
        [CA_SERVICE, ca.handlers()],
      ],
      { host, port, credentials: serverCertificate.credentials() },
      lifecycle,
    ),
  );
  const plaintextXds =
    config.plaintextXdsPort === undefined
      ? undefined
      : await listenAgain(config.plaintextXdsPort, last.plaintextXds, (port) =>
          listenGrpc(
            [[ADS_SERVICE, ads.handlers(true)]],
            { host, port, credentials: ServerCredentials.createInsecure() },
            lifecycle,
          ),
        );
  const pages = debugPages({
    snapshot: () => mesh.snapshot,
    findings: () => mesh.findings,
    ads,
    metrics,
    tokens: identity.tokens,
    replacePort: (workload, port) => mesh.portTaken(workload, String(port)),
    environment: () => ({
      xdsAddress: `${host}:${xds}`,
      rootCertificate: identity.root.path,
      certTtlSeconds: config.certTtlSeconds,
    }),
  });
  const debug = await listenAgain(config.debugPort, last.debug, async (port) => {
    const server = new DebugServer(pages, log);
    const taken = await server.listen(host, port);
    lifecycle.add('debug server', () => server.close());
    return taken;
  });
  const ports = { xds, debug, ...(plaintextXds === undefined ? {} : { plaintextXds }) };
  await writeLastPorts(stateDir, ports);
  return ports;
}

/** Says in the state folder where everything is, for as long as this process lives. */
async function announce(ports: Ports, mesh: Mesh, root: RootCa, runtime: Runtime): Promise<ControlPlaneState> {
  const { config, stateDir, clock, log, lifecycle } = runtime;
  const at = (port: number): string => `${config.host}:${port}`;
  const state: ControlPlaneState = {
    pid: process.pid,
    xdsAddress: at(ports.xds),
    ...(ports.plaintextXds === undefined ? {} : { plaintextXdsAddress: at(ports.plaintextXds) }),
    debugUrl: `http://${at(ports.debug)}`,
    rootCertificate: root.path,
    trustDomain: trustDomainOf(mesh),
    startedAt: new Date(clock.now()).toISOString(),
  };
  await writeState(stateDir, state);
  lifecycle.add('state file', () => removeState(stateDir, process.pid));
  log.info({ xds: state.xdsAddress, debug: state.debugUrl }, 'the control plane is ready');
  return state;
}

/** Resolves when the source's first set is in force. */
async function firstConfiguration(source: Source, mesh: Mesh): Promise<void> {
  let first: Promise<void> | undefined;
  await source.start((set) => {
    const done = mesh.update(set);
    first ??= done;
  });
  await first;
  if (mesh.snapshot === undefined) throw new Error('the configuration could not be read');
}

/** Fresh tokens for every workload, now and later: a sidecar may start without asking us. */
async function keepTokens(mesh: Mesh, tokens: TokenFiles, { clock, log, lifecycle }: Runtime): Promise<void> {
  let timer: Timer | undefined;
  let stopped = false;
  const refresh = async (): Promise<void> => {
    for (const workload of mesh.snapshot?.workloads.values() ?? []) {
      if (workload.sidecar !== undefined) await tokens.ensure(workload);
    }
  };
  const later = (): void => {
    timer = clock.after(TOKEN_CHECK_MS, () => {
      refresh()
        .catch((error: unknown) => log.error({ reason: messageOf(error) }, 'could not renew the tokens of workloads'))
        .finally(() => {
          if (!stopped) later();
        });
    });
  };
  lifecycle.add('tokens', () => {
    stopped = true;
    timer?.cancel();
  });
  await refresh();
  later();
}

/** Resolves with the port. */
async function listenGrpc(
  services: readonly (readonly [ServiceDefinition, UntypedServiceImplementation])[],
  at: { readonly host: string; readonly port: number; readonly credentials: ServerCredentials },
  lifecycle: Lifecycle,
): Promise<number> {
  const server = new Server(KEEPALIVE);
  for (const [definition, handlers] of services) server.addService(definition, handlers);
  const bound = await new Promise<number>((done, fail) => {
    server.bindAsync(`${at.host}:${at.port}`, at.credentials, (error, taken) =>
      error === null ? done(taken) : fail(error),
    );
  });
  // Streams are endless, so there is nothing to wait for.
  lifecycle.add(`xDS port ${bound}`, () => server.forceShutdown());
  return bound;
}

function isPortTaken(typeUrl: string, rejection: Rejection): boolean {
  return typeUrl === TYPE.listener && /address already in use|EADDRINUSE/i.test(rejection.reason);
}
