import { ServerCredentials } from '@grpc/grpc-js';
import { privateKeyPem } from '../common/identity/keys.js';
import { type Clock, type Random, systemClock } from '../common/runtime/clock.js';
import { Lifecycle } from '../common/runtime/lifecycle.js';
import { createLogger, type Logger } from '../common/runtime/log.js';
import { pause } from '../common/runtime/pause.js';
import { CONTROL_PLANE_NAME } from '../common/xds/names.js';
import type { Authority } from './ca/authority.js';
import { ClusterAuthority } from './ca/cluster-authority.js';
import type { ExternalSigner } from './ca/external-signer.js';
import { Issuer } from './ca/issuer.js';
import { KubernetesSigner } from './ca/kubernetes-signer.js';
import { otherLaggards, readQuestion } from './ca/replicas.js';
import { makeRoot } from './ca/root.js';
import { DEFAULT_SETTLE_SECONDS, RootParts } from './ca/root-parts.js';
import { CA_SERVICE } from './ca/service.js';
import { SignerRoots } from './ca/signer-roots.js';
import { TokenReviewVerifier } from './ca/token-review.js';
import { TrustBundles } from './ca/trust-bundles.js';
import { type ClusterContext, type ClusterService, untilStarted } from './cluster-service.js';
import { type ControlPlaneParts, type Core, firstConfiguration, type GrpcPort, listenGrpc, wireCore } from './core.js';
import { Sessions } from './dashboard/sessions.js';
import { Dashboard } from './dashboard/site.js';
import { ControlPlaneMetrics } from './debug/metrics.js';
import { type DebugPage, DebugServer, OPEN_TO_ALL } from './debug/server.js';
import { ClusterHistory } from './history/cluster-history.js';
import { ClusterInterventions, writeEvents } from './history/cluster-interventions.js';
import type { Occurrence } from './history/interventions.js';
import type { KubernetesApi } from './kubernetes/api.js';
import { type KubernetesConfig, serviceNames } from './kubernetes-config.js';
import { Leadership } from './leader/leadership.js';
import { admitByToken } from './observe/admission.js';
import { sourcesOf } from './observe/observation.js';
import { PEER_SERVICE, PeerServer } from './observe/peer-server.js';
import { replicaPeers } from './observe/replicas.js';
import { OBSERVATION_SERVICE } from './observe/service.js';
import { controlPlanePages } from './pages.js';
import { ClusterEntries } from './registration/cluster-entries.js';
import { StatusReporter } from './status/reporter.js';
import { StatusWriter } from './status/writer.js';
import { LOCAL_NAMES, ServerCertificate } from './xds/credentials.js';
import { ADS_SERVICE } from './xds/service.js';

/** Streams that were sent away have this long to end. */
const DRAIN_MS = 5000;
/** Another replica has so long to say who of its proxies is behind. */
const REPLICA_MS = 5000;

export interface KubernetesParts extends ControlPlaneParts {
  readonly api: KubernetesApi;
  readonly services?: (context: ClusterContext) => readonly ClusterService[];
  readonly random?: Random;
}

export interface KubernetesApp {
  /** Resolves when proxies are served; rejects when that can never be. */
  readonly started: Promise<void>;
  /** Ports that were taken, as far as it has come. */
  readonly ports: { readonly xds?: number; readonly debug?: number };
  /** Lets proxies go to another replica, then ends; at any time. */
  stop(): Promise<void>;
}

/**
 * The control plane in a cluster. Every replica serves proxies; one of them, the leader, writes. In order: the debug port, so
 * that probes are answered; the authority, which the leader makes where there is none; the configuration; then proxies.
 */
export function startInCluster(config: KubernetesConfig, parts: KubernetesParts): KubernetesApp {
  return new ClusterApp(config, parts);
}

class ClusterApp implements KubernetesApp {
  readonly ports: { xds?: number; debug?: number } = {};
  readonly started: Promise<void>;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly log: Logger;
  private readonly metrics: ControlPlaneMetrics;
  private readonly lifecycle = new Lifecycle();
  private readonly stopping = new AbortController();
  private readonly authority: ClusterAuthority;
  private readonly roots: RootParts;
  private readonly external: ExternalSigner | undefined;
  private readonly bundles: TrustBundles;
  /** The leader says in the objects what it thinks of them. */
  private readonly statuses: StatusReporter;
  private readonly leadership: Leadership;
  private issuer: Issuer | undefined;
  private core: Core | undefined;
  private grpc: GrpcPort | undefined;
  private serving = false;
  private stopped: Promise<void> | undefined;

  constructor(
    private readonly config: KubernetesConfig,
    private readonly parts: KubernetesParts,
  ) {
    this.clock = parts.clock ?? systemClock;
    this.random = parts.random ?? Math.random;
    this.log = parts.log ?? createLogger('control-plane');
    this.metrics = new ControlPlaneMetrics(this.clock);
    const { api } = parts;
    const { clock, random, log } = this;
    const { namespace, podName } = config;
    this.bundles = new TrustBundles({ api, bundle: () => this.trustedRoots(), clock, random, log });
    const writer = new StatusWriter({ api, clock, log });
    this.statuses = new StatusReporter(writer);
    this.authority = new ClusterAuthority({
      api,
      namespace,
      organization: config.clusterDomain,
      ...(config.root !== undefined && { root: config.root }),
      onRequest: (request) => this.roots.desk.take(request),
      onAuthority: (authority) => this.haveAuthority(authority),
      clock,
      random,
      log,
    });
    this.external = this.externalSigner();
    this.roots = this.rootParts();
    this.leadership = new Leadership({
      api,
      namespace,
      podName,
      onLead: (signal) => this.lead(signal),
      clock,
      random,
      log,
    });
    this.leadership.add({ name: 'trust bundles', run: (signal) => this.bundles.run(signal) });
    this.leadership.add(writer);
    this.started = this.start();
  }

  stop(): Promise<void> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  private async start(): Promise<void> {
    const { config, parts, metrics, lifecycle, log } = this;
    metrics.watchAuthority(() => this.issuer?.authority);
    metrics.watchRoots(() => this.roots.report());
    const admit = admitByToken(parts.api);
    const mayRead = async (token: string): Promise<boolean> => (await admit(token)) === undefined;
    const dashboard = new Dashboard({
      sessions: new Sessions(mayRead, this.clock, () => this.issuer?.authority.privateKey),
    });
    const debug = new DebugServer(this.pages(), log, OPEN_TO_ALL, admit, dashboard);
    this.ports.debug = await debug.listen(config.host, config.debugPort);
    lifecycle.add('debug server', () => debug.close());
    void this.authority.run(this.stopping.signal);
    this.leadership.start();
    const issuer = await this.firstAuthority();
    if (issuer === undefined) return;
    const { api } = parts;
    const { clock, random } = this;
    const verifier = new TokenReviewVerifier({ api, clock, random });
    const history = new ClusterHistory({
      api,
      namespace: config.namespace,
      history: () => core.undo.history,
      clock,
      random,
      log,
    });
    const core = wireCore({
      parts,
      issuer,
      external: this.external,
      verifier,
      metrics,
      clock,
      log,
      observation: {
        ...sourcesOf(config),
        peers: replicaPeers({
          snapshot: () => this.core?.mesh.snapshot,
          host: `weft-control-plane.${config.namespace}.svc.${config.clusterDomain}`,
          podName: config.podName,
          port: config.xdsPort,
          issuer,
          clock,
        }),
      },
      registrations: new ClusterEntries({ api, replica: config.podName, clock }),
      onSnapshot: () => this.statuses.report(this.core?.mesh),
      onOccurrence: (occurrence) => this.occurred(occurrence),
      onVersion: () => history.changed(),
      onDisconnected: (id) => this.roots.view.disconnected(id),
    });
    this.core = core;
    lifecycle.add('source', () => parts.source.stop());
    lifecycle.add('interventions', () => core.undo.stop());
    await new ClusterInterventions({
      api,
      namespace: config.namespace,
      take: (next) => core.undo.take(next),
      clock,
      random,
      log,
    }).start(this.stopping.signal);
    await history.start(this.stopping.signal);
    this.leadership.add(history);
    await this.untilStopped(firstConfiguration(parts.source, core.mesh, metrics));
    if (this.stopping.signal.aborted) return;
    const context = { config, api, issuer, mesh: core.mesh, metrics, clock, random, log };
    for (const service of parts.services?.(context) ?? []) await this.startService(service);
    if (this.stopping.signal.aborted) return;
    await this.listen(core, issuer);
    this.serving = true;
    log.info({ ...this.ports }, 'the control plane is ready');
  }

  private pages(): Map<string, DebugPage> {
    return controlPlanePages({
      core: () => this.core,
      metrics: this.metrics,
      version: this.config.version ?? '',
      notReady: () => this.notReady(),
      ca: () => this.roots.report(),
      roots: () => this.external?.roots ?? this.issuer?.authority.roots,
      laggards: (query) => {
        const question = readQuestion(query);
        return question === undefined ? undefined : this.roots.view.laggards(question.rotation, question.issuer);
      },
    });
  }

  /** What the clients of this control plane verify it by, and, where nobody pushes them roots, each other. */
  private trustedRoots(): string | undefined {
    const own = this.issuer?.authority.roots;
    return own === undefined ? undefined : own + (this.external?.roots ?? '');
  }

  private externalSigner(): ExternalSigner | undefined {
    const { config, clock, log } = this;
    if (config.caSigner === undefined) return undefined;
    const { signerName, rootsPath } = config.caSigner;
    const { certTtlSeconds: defaultTtlSeconds, maxCertTtlSeconds: maxTtlSeconds } = config;
    const file = new SignerRoots(rootsPath, clock, log);
    file.watch(() => {
      this.bundles.all();
      this.core?.ads.pushAll();
    });
    this.lifecycle.add('roots of the signer', () => file.stop());
    const roots = (): string => file.roots;
    return new KubernetesSigner({
      api: this.parts.api,
      signerName,
      roots,
      defaultTtlSeconds,
      maxTtlSeconds,
      clock,
      log,
    });
  }

  private rootParts(): RootParts {
    const { config, clock, log } = this;
    const { namespace, podName, debugPort } = config;
    const replicas = { api: this.parts.api, namespace, podName, debugPort, get: getText };
    return new RootParts({
      store: this.authority,
      issuer: () => this.issuer,
      external: this.external,
      proxies: () => this.core?.ads.trust() ?? [],
      makeRoot: async () => {
        const { pem, privateKey } = await makeRoot({ organization: config.clusterDomain, ...config.root }, clock);
        return { certificate: pem, privateKey: privateKeyPem(privateKey) };
      },
      config: config.rotation ?? { settleSeconds: DEFAULT_SETTLE_SECONDS },
      certTtlSeconds: config.certTtlSeconds,
      others: (rotation, issuer) => otherLaggards(replicas, rotation, issuer),
      clock,
      log,
    });
  }

  private notReady(): string {
    if (this.stopping.signal.aborted || this.stopped !== undefined) return 'this replica stops';
    if (this.serving) return '';
    if (this.issuer === undefined) return this.authority.problem;
    return this.core?.mesh.snapshot === undefined ? 'waiting for the first configuration' : 'starting to listen';
  }

  private haveAuthority(authority: Authority): void {
    const { certTtlSeconds, maxCertTtlSeconds } = this.config;
    const options = { defaultTtlSeconds: certTtlSeconds, maxTtlSeconds: maxCertTtlSeconds };
    if (this.issuer === undefined) this.issuer = new Issuer(authority, options, this.clock);
    else this.issuer.replace(authority);
    this.bundles.all();
    this.gotIssuer();
  }

  private gotIssuer = (): void => {};

  /** Undefined when this process stops before there is one. */
  private firstAuthority(): Promise<Issuer | undefined> {
    return this.untilStopped(
      new Promise<Issuer | undefined>((resolve) => {
        this.gotIssuer = () => resolve(this.issuer);
        if (this.issuer !== undefined) resolve(this.issuer);
      }),
    );
  }

  private untilStopped<T>(work: Promise<T>): Promise<T | undefined> {
    const { signal } = this.stopping;
    return Promise.race([
      work,
      new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true })),
    ]);
  }

  private async startService(service: ClusterService): Promise<void> {
    const { clock, random, log, stopping } = this;
    await untilStarted(service, { clock, random, log }, stopping.signal);
    if (stopping.signal.aborted) return;
    this.lifecycle.add(service.name, () => service.stop());
    if (service.leaderTask !== undefined) this.leadership.add(service.leaderTask);
  }

  private lead(signal: AbortSignal): void {
    this.authority.lead(signal);
    this.roots.rotation.start();
    signal.addEventListener('abort', () => this.roots.rotation.stop(), { once: true });
  }

  /** Every replica sees it; one writes it down. */
  private occurred(occurrence: Occurrence): void {
    if (!this.leadership.held) return;
    const { clock, log } = this;
    void writeEvents({ api: this.parts.api, namespace: this.config.namespace, clock, log }, occurrence);
  }

  private async listen({ ads, ca, observation }: Core, issuer: Issuer): Promise<void> {
    const { config, clock, log, lifecycle } = this;
    const names = {
      dnsNames: [...new Set([...(LOCAL_NAMES.dnsNames ?? []), CONTROL_PLANE_NAME, ...serviceNames(config)])],
      addresses: LOCAL_NAMES.addresses ?? [],
    };
    const certificate = new ServerCertificate(issuer, names, clock, log);
    await certificate.start();
    lifecycle.add('server certificate', () => certificate.stop());
    const grpc = await listenGrpc(
      [
        [ADS_SERVICE, ads.handlers(false)],
        [CA_SERVICE, ca.handlers()],
        [OBSERVATION_SERVICE, observation.server.handlers()],
        [PEER_SERVICE, new PeerServer(observation.local, () => issuer.authority.privateKey, clock).handlers()],
      ],
      {
        host: bracketed(config.host),
        port: config.xdsPort,
        credentials: certificate.credentials(),
        compress: config.compressXds,
      },
    );
    this.grpc = grpc;
    this.ports.xds = grpc.port;
    lifecycle.add('xDS port', () => grpc.close());
    if (config.plaintextXdsPort === undefined) return;
    const plaintext = await listenGrpc([[ADS_SERVICE, ads.handlers(true)]], {
      host: '127.0.0.1',
      port: config.plaintextXdsPort,
      credentials: ServerCredentials.createInsecure(),
      compress: config.compressXds,
    });
    lifecycle.add('plaintext xDS port', () => plaintext.close());
  }

  private async end(): Promise<void> {
    const { clock, config } = this;
    const resigned = this.leadership.stop();
    if (this.serving && this.grpc !== undefined) {
      // Not ready any more: nobody new is sent here, while those who still come are served.
      await pause(clock, config.shutdownDelayMs, this.stopping.signal);
      const drained = this.grpc.drain(DRAIN_MS, clock);
      this.core?.ads.close();
      this.core?.observation.server.close();
      await drained;
    }
    this.stopping.abort();
    await resigned;
    await this.lifecycle.close();
  }
}

async function getText(url: string): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(REPLICA_MS) });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${url} answers ${answer.status}`);
  return text;
}

/** IPv6 addresses stand in brackets before a port. */
function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
