import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { privateKeyPem } from '../common/identity/keys.js';
import { type Clock, systemClock, type Timer } from '../common/runtime/clock.js';
import { messageOf } from '../common/runtime/errors.js';
import { Lifecycle } from '../common/runtime/lifecycle.js';
import { createLogger, type Logger } from '../common/runtime/log.js';
import { FolderRoots } from './ca/folder-roots.js';
import { Issuer } from './ca/issuer.js';
import { makeRoot } from './ca/root.js';
import { DEFAULT_SETTLE_SECONDS, RootParts } from './ca/root-parts.js';
import { FolderRequests } from './ca/rotation-requests.js';
import { CA_SERVICE } from './ca/service.js';
import { TokenFiles } from './ca/token-files.js';
import { LocalTokenVerifier, loadTokenKey, type TokenVerifier } from './ca/tokens.js';
import { type ControlPlaneConfig, checkConfig } from './config.js';
import {
  type ControlPlaneParts,
  type Core,
  firstConfiguration,
  keepGrpc,
  listenGrpc,
  MAX_TTL_SECONDS,
  trustDomainOf,
  wireCore,
} from './core.js';
import { Dashboard } from './dashboard/site.js';
import { ControlPlaneMetrics } from './debug/metrics.js';
import { bootstrapPage } from './debug/pages.js';
import { DebugServer } from './debug/server.js';
import { FolderHistory } from './history/folder-history.js';
import { FolderInterventions } from './history/folder-interventions.js';
import type { Mesh } from './mesh.js';
import { sourcesOf } from './observe/observation.js';
import { OBSERVATION_SERVICE } from './observe/service.js';
import { controlPlanePages } from './pages.js';
import { groupIn } from './registration/registrar.js';
import {
  type ControlPlaneState,
  listenAgain,
  readLastPorts,
  removeState,
  writeLastPorts,
  writeState,
} from './state-file.js';
import { LOCAL_NAMES, ServerCertificate } from './xds/credentials.js';
import { ADS_SERVICE } from './xds/service.js';

const TOKEN_CHECK_MS = 3_600_000;

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
  const services = wireCore({
    parts,
    observation: sourcesOf(config),
    ...identity,
    ...runtime,
    onVersion: () => history.changed(),
    onDisconnected: (id) => roots.view.disconnected(id),
  });
  const history = new FolderHistory(runtime.stateDir, services.undo.history, runtime.clock, runtime.log);
  lifecycle.add('history', () => history.stop());
  await history.load();
  const roots = rotateRoots(services, identity, runtime);
  const interventions = new FolderInterventions(
    runtime.stateDir,
    (next) => services.undo.take(next),
    runtime.clock,
    runtime.log,
  );
  lifecycle.add('interventions', () => {
    interventions.stop();
    services.undo.stop();
  });
  await interventions.start();
  await firstConfiguration(parts.source, services.mesh, runtime.metrics);
  lifecycle.add('source', () => parts.source.stop());
  await keepTokens(services.mesh, identity.tokens, runtime);
  const ports = await listenOnAll(services, identity, roots, runtime);
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
  readonly root: FolderRoots;
  readonly issuer: Issuer;
  readonly verifier: TokenVerifier;
  readonly tokens: TokenFiles;
}

async function loadIdentity({ config, stateDir, clock, log, metrics }: Runtime): Promise<Identity> {
  const tokenKey = await loadTokenKey(stateDir, log);
  const root = await FolderRoots.load({ stateDir, organization: 'cluster.local', ...config.root }, clock, log);
  const options = { defaultTtlSeconds: config.certTtlSeconds, maxTtlSeconds: MAX_TTL_SECONDS };
  const issuer = new Issuer(root.authority, options, clock);
  root.onAuthority((authority) => issuer.replace(authority));
  metrics.watchAuthority(() => issuer.authority);
  return {
    root,
    issuer,
    verifier: new LocalTokenVerifier(tokenKey, clock),
    tokens: new TokenFiles(stateDir, tokenKey, clock),
  };
}

/** Rotation of the root, by command and by schedule, for as long as this process runs. */
function rotateRoots({ ads }: Core, { root, issuer }: Identity, runtime: Runtime): RootParts {
  const { config, stateDir, clock, log, metrics, lifecycle } = runtime;
  const parts = new RootParts({
    store: root,
    issuer: () => issuer,
    proxies: () => ads.trust(),
    makeRoot: async () => {
      const { pem, privateKey } = await makeRoot({ organization: 'cluster.local', ...config.root }, clock);
      return { certificate: pem, privateKey: privateKeyPem(privateKey) };
    },
    config: config.rotation ?? { settleSeconds: DEFAULT_SETTLE_SECONDS },
    certTtlSeconds: config.certTtlSeconds,
    clock,
    log,
  });
  metrics.watchRoots(() => parts.report());
  const requests = new FolderRequests(stateDir, parts.desk, clock);
  lifecycle.add('rotation of the root', () => {
    requests.stop();
    parts.rotation.stop();
  });
  parts.rotation.start();
  requests.start();
  return parts;
}

interface Ports {
  readonly xds: number;
  readonly plaintextXds?: number;
  readonly debug: number;
}

/** Takes the ports of the last run where they are free, and remembers which ones it took. */
async function listenOnAll(core: Core, identity: Identity, roots: RootParts, runtime: Runtime): Promise<Ports> {
  const { mesh, ads, ca, observation, registrar } = core;
  const { config, stateDir, clock, log, metrics, lifecycle } = runtime;
  const { host } = config;
  const serverCertificate = new ServerCertificate(identity.issuer, LOCAL_NAMES, clock, log);
  await serverCertificate.start();
  lifecycle.add('server certificate', () => serverCertificate.stop());

  const last = await readLastPorts(stateDir);
  const xds = await listenAgain(config.xdsPort, last.xds, (port) =>
    keepGrpc(
      listenGrpc(
        [
          [ADS_SERVICE, ads.handlers(false)],
          [CA_SERVICE, ca.handlers()],
          [OBSERVATION_SERVICE, observation.server.handlers()],
        ],
        { host, port, credentials: serverCertificate.credentials(), compress: config.compressXds },
      ),
      lifecycle,
    ),
  );
  const plaintextXds =
    config.plaintextXdsPort === undefined
      ? undefined
      : await listenAgain(config.plaintextXdsPort, last.plaintextXds, (port) =>
          keepGrpc(
            listenGrpc([[ADS_SERVICE, ads.handlers(true)]], {
              host,
              port,
              credentials: ServerCredentials.createInsecure(),
              compress: config.compressXds,
            }),
            lifecycle,
          ),
        );
  const pages = controlPlanePages({
    core: () => core,
    metrics,
    notReady: () => '',
    ca: () => roots.report(),
    roots: () => identity.issuer.authority.roots,
  });
  const [path, page] = bootstrapPage({
    snapshot: () => mesh.snapshot,
    ads,
    tokens: identity.tokens,
    accountOfGroup: (namespace, name) => {
      const group = groupIn(mesh.configuration, namespace, name);
      return group && (group.spec.template.serviceAccount || 'default');
    },
    join: (node, forMs) => registrar.reserve(node, forMs),
    replacePort: (workload, port) => mesh.portTaken(workload, String(port)),
    environment: () => ({
      xdsAddress: `${host}:${xds}`,
      rootCertificate: identity.root.path,
      certTtlSeconds: config.certTtlSeconds,
      ...(config.workloadKey !== undefined && { workloadKey: config.workloadKey }),
    }),
  });
  pages.set(path, page);
  const debug = await listenAgain(config.debugPort, last.debug, async (port) => {
    const server = new DebugServer(pages, log, new Set(), undefined, new Dashboard());
    const taken = await server.listen(host, port);
    lifecycle.add('debug server', () => server.close());
    return taken;
  });
  const ports = { xds, debug, ...(plaintextXds === undefined ? {} : { plaintextXds }) };
  await writeLastPorts(stateDir, ports);
  return ports;
}

/** Says in the state folder where everything is, for as long as this process lives. */
async function announce(ports: Ports, mesh: Mesh, root: FolderRoots, runtime: Runtime): Promise<ControlPlaneState> {
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
