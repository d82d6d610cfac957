import { isIP } from 'node:net';
import { loopbackFor } from '../../common/runtime/local-caller.js';
import { toJson } from '../../common/xds/json.js';
import type { Finding } from '../api/object.js';
import { LAGGARDS_PATH } from '../ca/replicas.js';
import type { CaReport } from '../ca/report.js';
import { writeSpiffeBundle } from '../ca/spiffe-bundle.js';
import type { TokenFiles } from '../ca/token-files.js';
import type { Laggards } from '../ca/trust-view.js';
import { ownPorts } from '../model/allotment.js';
import type { ProxyNode } from '../model/proxy-node.js';
import { registeredName } from '../model/registered-entry.js';
import type { Workload } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { meshWorkloads } from '../model/workload-views.js';
import type { AdsServer } from '../xds/server.js';
import { heldBySomebodyElse } from './admin-port.js';
import { type BootstrapEnvironment, buildBootstrap } from './bootstrap.js';
import type { ControlPlaneMetrics } from './metrics.js';
import { redacted } from './redact.js';
import { type DebugPage, json, plain } from './server.js';
import { tlsPairs } from './tls-pairs.js';

/** Others look again this often: far less than a step of a rotation should last for them. */
const BUNDLE_REFRESH_SECONDS = 60;

export interface DebugSubject {
  /** Undefined until the first configuration is in. */
  readonly snapshot: () => MeshSnapshot | undefined;
  readonly findings: () => readonly Finding[];
  /** Undefined until proxies are served. */
  readonly proxies: () => Pick<AdsServer, 'proxies' | 'resourcesOf'> | undefined;
  readonly metrics: ControlPlaneMetrics;
  /** Release of the control plane; empty when it does not say. */
  readonly version?: string;
  /** Why proxies should not come here now; empty when they may. */
  readonly notReady: () => string;
  /** Roots, and how far their rotation is; undefined while there is no authority. */
  readonly ca?: () => CaReport | undefined;
  /** PEM of the mesh's roots; undefined while there are none. */
  readonly roots?: () => string | undefined;
  /** Who of this replica's proxies a rotation waits for; undefined for a question that is none. */
  readonly laggards?: (query: URLSearchParams) => Laggards | undefined;
}

/** What this machine's sidecars are started with. */
export interface BootstrapSubject extends Pick<DebugSubject, 'snapshot'> {
  readonly ads: Pick<AdsServer, 'resourcesOf'>;
  readonly tokens: TokenFiles;
  /** The account for which a WorkloadGroup is; undefined for one that there is not. */
  readonly accountOfGroup: (namespace: string, name: string) => string | undefined;
  /** Makes a workload of a proxy that will join in so many milliseconds. */
  readonly join: (node: ProxyNode, forMs: number) => Promise<void>;
  /** Gives a workload (`namespace/name`) another admin port in place of one that is taken. */
  readonly replacePort: (workload: string, port: number) => Promise<void>;
  /** Without the token's path, which is the workload's own. */
  readonly environment: () => Omit<BootstrapEnvironment, 'tokenPath'>;
}

/** The pages that every control plane has, by path. None of them changes anything, and none shows a key or a token. */
export function debugPages(subject: DebugSubject): Map<string, DebugPage> {
  const { metrics } = subject;
  return new Map<string, DebugPage>([
    ['/ready', () => readiness(subject.notReady())],
    ['/live', () => plain('alive')],
    [
      '/metrics',
      async () => ({ status: 200, type: metrics.registry.contentType, body: await metrics.registry.metrics() }),
    ],
    ['/version', () => json({ version: subject.version ?? '' })],
    ['/debug/syncz', () => json(subject.proxies()?.proxies() ?? [])],
    ['/debug/config_dump', (query) => configDump(subject, query.get('proxy') ?? '')],
    ['/debug/workloads', () => json(listWorkloads(subject.snapshot()))],
    ['/debug/findings', () => json(subject.findings())],
    ['/debug/tls', (query) => tlsPage(subject.snapshot(), query)],
    ['/debug/ca', () => caPage(subject.ca?.())],
    ['/spiffe/bundle', () => spiffeBundlePage(subject.roots?.())],
    [LAGGARDS_PATH, (query) => laggardsPage(subject.laggards?.(query))],
    ['/debug/registryz', () => json(listServices(subject.snapshot()))],
  ]);
}

/** Bootstraps for sidecars on this machine. Asking for one makes a token and may move a port. */
export function bootstrapPage(subject: BootstrapSubject): readonly [path: string, page: DebugPage] {
  return [
    '/debug/bootstrap',
    (query) => {
      const group = query.get('group');
      if (group === null) return bootstrap(subject, query.get('workload') ?? '');
      return joiningBootstrap(subject, group, query.get('address') ?? '');
    },
  ];
}

function readiness(reason: string): ReturnType<typeof plain> {
  return reason === '' ? plain('ready') : plain(`not ready: ${reason}`, 503);
}

function caPage(report: CaReport | undefined): ReturnType<typeof json> {
  return report === undefined ? plain('there is no authority yet', 503) : json(report);
}

function laggardsPage(laggards: Laggards | undefined): ReturnType<typeof json> {
  return laggards === undefined ? plain('?step=trust|sign&since=MILLISECONDS&issuer=SHA256', 400) : json(laggards);
}

/** For meshes that are federated with this one; an HTTPS server stands in front of it. */
function spiffeBundlePage(roots: string | undefined): ReturnType<typeof json> {
  if (roots === undefined) return plain('there is no authority yet', 503);
  return json(writeSpiffeBundle(roots, BUNDLE_REFRESH_SECONDS));
}

function configDump({ proxies }: DebugSubject, proxy: string): ReturnType<typeof json> {
  const resources = proxies()?.resourcesOf(proxy);
  if (resources === undefined)
    return plain(`no proxy ${JSON.stringify(proxy)} is connected; /debug/syncz lists them`, 404);
  const types = [...resources].map(([typeUrl, named]) => [
    typeUrl,
    Object.fromEntries([...named].map(([name, { message }]) => [name, redacted(toJson(typeUrl, message))])),
  ]);
  return json({ proxy, resources: Object.fromEntries(types) });
}

function listWorkloads(snapshot: MeshSnapshot | undefined): object[] {
  if (snapshot === undefined) return [];
  return meshWorkloads(snapshot).map(({ applicationPorts, sidecar, ...workload }) => ({
    ...workload,
    ports: applicationPorts,
    ...(sidecar === undefined
      ? {}
      : {
          sidecar: {
            ...sidecar,
            inbound: Object.fromEntries(sidecar.inbound.map((port) => [port.application, port.sidecar])),
          },
        }),
  }));
}

function tlsPage(snapshot: MeshSnapshot | undefined, query: URLSearchParams): ReturnType<typeof json> {
  if (snapshot === undefined) return plain('there is no configuration yet', 503);
  const { from, to, namespace } = Object.fromEntries(query);
  return json(
    tlsPairs(snapshot, {
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      ...(namespace !== undefined && { namespace }),
    }),
  );
}

function listServices(snapshot: MeshSnapshot | undefined): object[] {
  return (snapshot?.services ?? []).map((service) => ({
    host: service.host,
    namespace: service.namespace,
    object: service.object,
    resolution: service.resolution,
    external: service.external,
    exportTo: [...service.exportTo],
    ports: service.ports,
    endpoints: service.endpoints.map(({ workload, weight }) => ({
      workload: workload.name,
      namespace: workload.namespace,
      address: workload.address,
      weight,
    })),
  }));
}

/** Who asks is about to start a proxy, which could not start on an admin port that somebody else has taken. */
async function moveAdminPort(subject: BootstrapSubject, key: string): Promise<void> {
  const workload = subject.snapshot()?.workloads.get(key);
  const ports = ownPorts(workload?.sidecar);
  if (workload === undefined || ports === undefined || subject.ads.resourcesOf(key) !== undefined) return;
  const { address, admin } = ports;
  const own = `~${workload.name}.${workload.namespace}~`;
  if (await heldBySomebodyElse(loopbackFor(address), admin, (nodeId) => nodeId.includes(own)))
    await subject.replacePort(key, admin);
}

/** How long a workload waits for the proxy that a bootstrap was made for. */
const JOINING_MS = 60_000;

/** A bootstrap for a proxy that joins by a WorkloadGroup (`namespace/name`), with an address of its own. */
async function joiningBootstrap(
  subject: BootstrapSubject,
  group: string,
  address: string,
): Promise<ReturnType<typeof json>> {
  const [namespace = '', name = ''] = group.split('/');
  if (isIP(address) === 0) return plain(`${JSON.stringify(address)} is no IP address`, 400);
  const account = subject.accountOfGroup(namespace, name);
  if (account === undefined) return plain(`no WorkloadGroup ${JSON.stringify(group)}`, 404);
  const workload = registeredName(name, address, '');
  await subject.join(
    {
      id: `sidecar~${address}~${workload}.${namespace}~${namespace}.svc.cluster.local`,
      role: 'sidecar',
      addresses: [address],
      group: name,
      namespace,
      workload,
      serviceAccount: account,
      labels: {},
      dataPlane: 'weft',
    },
    JOINING_MS,
  );
  return bootstrap(subject, `${namespace}/${workload}`, name);
}

async function bootstrap(subject: BootstrapSubject, key: string, group?: string): Promise<ReturnType<typeof json>> {
  await moveAdminPort(subject, key);
  const snapshot = subject.snapshot();
  const workload: Workload | undefined = snapshot?.workloads.get(key);
  if (snapshot === undefined || workload === undefined) {
    return plain(`no workload ${JSON.stringify(key)}; /debug/workloads lists them`, 404);
  }
  if (workload.sidecar === undefined) return plain(`${key} has no sidecar`, 409);
  if (workload.sidecar.kind === 'capture') return plain(`${key} is a pod: its sidecar has its bootstrap there`, 409);
  const tokenPath = await subject.tokens.ensure(workload);
  const environment = { ...subject.environment(), tokenPath, ...(group !== undefined && { group }) };
  return json(buildBootstrap(workload, snapshot.settings, environment));
}
