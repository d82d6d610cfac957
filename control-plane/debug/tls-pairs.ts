import type { Secured, TlsPair, TlsPairs } from '../../common/observe/tls-pairs.js';
import type { Subset } from '../api/kinds/destination-rule.js';
import { selectorMatches } from '../api/labels.js';
import { captures, capturesPort, ownPorts } from '../model/allotment.js';
import type { HostRule } from '../model/destination-rules.js';
import type { MtlsDecision } from '../model/peer-authentication.js';
import { applicationPort, type Endpoint, type Workload } from '../model/service.js';
import { ingressAt } from '../model/sidecars.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { offersMeshTls } from '../translate/endpoints.js';
import { scopeOf, type VisiblePort } from '../translate/scope.js';
import { policyFor } from '../translate/traffic-policy.js';
import { saysMeshTls } from '../translate/upstream-tls.js';

/** Which pairs are asked for; what is empty asks for all. */
export interface TlsQuestion {
  /** A workload: `NAME`, `NAME.NAMESPACE` or `NAMESPACE/NAME`. */
  readonly from?: string;
  /** A service by its name or host, or a workload. */
  readonly to?: string;
  /** Only pairs of which one end is in this namespace. */
  readonly namespace?: string;
}

/** A client, and one port of a service or of a subset of it. */
interface Call {
  readonly client: Workload;
  readonly proxied: boolean;
  readonly visible: VisiblePort;
  readonly rule: HostRule | undefined;
  readonly subset: Subset | undefined;
}

/** What one side does, and why. */
interface Side<T> {
  readonly does: T;
  readonly why: string;
}

/** What an endpoint takes: what its sidecar lets in, or, without one, whatever its application makes of it. */
type Takes = 'mTLS' | 'anything' | 'no mTLS' | 'TLS' | 'application';

/** What every client speaks with every service port that it can call, and why. As the configuration has it, not as traffic shows. */
export function tlsPairs(snapshot: MeshSnapshot, question: TlsQuestion = {}): TlsPairs {
  const pairs = clientsOf(snapshot).flatMap((client) => pairsOf(snapshot, client, question));
  return { pairs: distinct(pairs) };
}

/** One of every workload: its instances have the same configuration, but for those that were not injected. */
function clientsOf(snapshot: MeshSnapshot): Workload[] {
  const clients = new Map<string, Workload>();
  for (const workload of snapshot.workloads.values()) {
    const key = JSON.stringify([workload.namespace, workload.workloadName, isProxied(snapshot, workload)]);
    if (!clients.has(key)) clients.set(key, workload);
  }
  return [...clients.values()];
}

/** With a sidecar, of ours or of somebody else, or a gateway, which has its proxy alone. */
function isProxied({ gateways }: MeshSnapshot, workload: Workload): boolean {
  if (workload.sidecar !== undefined || saysMeshTls(workload)) return true;
  return gateways.all.some(
    ({ selector }) => Object.keys(selector).length > 0 && selectorMatches(selector, workload.labels),
  );
}

function pairsOf(snapshot: MeshSnapshot, client: Workload, { from = '', to = '', namespace = '' }: TlsQuestion) {
  if (from !== '' && !isNamed(client, from)) return [];
  const proxied = isProxied(snapshot, client);
  const sidecar = proxied ? snapshot.sidecars.find(client) : undefined;
  const pairs: TlsPair[] = [];
  for (const visible of scopeOf(snapshot, client.namespace, sidecar, captures(client.sidecar)).ports) {
    const { service } = visible;
    if (namespace !== '' && client.namespace !== namespace && service.namespace !== namespace) continue;
    const whole = to === '' || to === service.host || isNamed({ workloadName: service.name, ...service }, to);
    const rule = proxied ? snapshot.destinationRules.find(service, client) : undefined;
    for (const subset of [undefined, ...subsetsOfTheirOwn(rule, visible)]) {
      for (const pair of verdicts(snapshot, { client, proxied, visible, rule, subset })) {
        if (whole || pair.endpoints.some((endpoint) => matches(endpoint, to))) pairs.push(pair);
      }
    }
  }
  return pairs;
}

function isNamed(
  { workloadName, name, namespace }: Pick<Workload, 'workloadName' | 'name' | 'namespace'>,
  wanted: string,
): boolean {
  return matches(`${workloadName}.${namespace}`, wanted) || matches(`${name}.${namespace}`, wanted);
}

/** `full` is `NAME.NAMESPACE`. */
function matches(full: string, wanted: string): boolean {
  const at = full.lastIndexOf('.');
  const [name, namespace] = [full.slice(0, at), full.slice(at + 1)];
  return wanted === full || wanted === name || wanted === `${namespace}/${name}`;
}

/** Subsets to which clients speak otherwise than to the rest. */
function subsetsOfTheirOwn(rule: HostRule | undefined, { port }: VisiblePort): Subset[] {
  const usual = policyFor(rule, port.number).tls;
  return (rule?.subsets ?? []).filter((subset) => policyFor(rule, port.number, subset).tls !== usual);
}

/** One pair for all endpoints of which the same is true. */
function verdicts(snapshot: MeshSnapshot, call: Call): TlsPair[] {
  const { service } = call.visible;
  const endpoints = service.endpoints.filter(({ workload }) =>
    selectorMatches(call.subset?.labels ?? {}, workload.labels),
  );
  if (endpoints.length === 0) {
    const client = clientSide(snapshot, call, undefined);
    const because =
      service.external || service.resolution === 'none' ? client.why : `${client.why}; it has no endpoint`;
    return [pairOf(call, client.does, [], because)];
  }
  const groups = new Map<string, { secured: Secured; why: string; endpoints: Set<string> }>();
  for (const endpoint of endpoints) {
    const client = clientSide(snapshot, call, endpoint);
    const server = serverSide(snapshot, call, endpoint);
    const secured = outcome(client.does, server.does, call);
    const why = [client.why, server.why].filter((part) => part !== '').join('; ');
    const group = groups.get(secured + why) ?? { secured, why, endpoints: new Set<string>() };
    group.endpoints.add(`${endpoint.workload.workloadName}.${endpoint.workload.namespace}`);
    groups.set(secured + why, group);
  }
  return [...groups.values()].map((group) => pairOf(call, group.secured, [...group.endpoints].sort(), group.why));
}

function pairOf({ client, visible, subset }: Call, speaks: Secured, endpoints: string[], because: string): TlsPair {
  return {
    from: `${client.workloadName}.${client.namespace}`,
    to: visible.service.host,
    port: visible.port.number,
    ...(subset !== undefined && { subset: subset.name }),
    endpoints,
    speaks,
    because,
  };
}

type Spoken = Exclude<Secured, 'broken'>;

/** What comes out of the client's machine, to an endpoint or to wherever the service leads. */
function clientSide(snapshot: MeshSnapshot, call: Call, endpoint: Endpoint | undefined): Side<Spoken> {
  const { visible, rule, subset, proxied } = call;
  const application: Spoken = visible.port.protocol === 'tls' ? 'TLS' : 'plaintext';
  if (!proxied) return { does: application, why: 'the client has no sidecar' };
  const tls = policyFor(rule, visible.port.number, subset).tls;
  if (tls !== undefined) {
    const mode = tls.mode ?? 'DISABLE';
    const why = `DestinationRule ${rule?.namespace ?? ''}/${rule?.name ?? ''} says ${mode}`;
    if (mode === 'DISABLE') return { does: application, why };
    return { does: mode === 'ISTIO_MUTUAL' ? 'mTLS' : 'TLS', why };
  }
  if (!snapshot.settings.autoMtls) return { does: application, why: 'auto mTLS is off (MeshConfig enableAutoMtls)' };
  if (visible.service.external) return { does: application, why: 'it is outside of the mesh' };
  return automatic(snapshot, call, endpoint, application);
}

/** Clients that keep the address that they wanted cannot tell endpoints apart: all of them take mTLS, or none gets it. */
function automatic(
  snapshot: MeshSnapshot,
  { client, visible, subset, rule }: Call,
  endpoint: Endpoint | undefined,
  application: Spoken,
): Side<Spoken> {
  const { service, port } = visible;
  if (endpoint === undefined) return { does: application, why: 'auto mTLS' };
  const simple = policyFor(rule, port.number, subset).loadBalancer?.simple;
  const uniform = service.resolution === 'none' || service.headless || simple === 'PASSTHROUGH';
  if (uniform && captures(client.sidecar)) {
    const all = service.endpoints.filter(({ workload }) => selectorMatches(subset?.labels ?? {}, workload.labels));
    const every = all.every((one) => offersMeshTls(snapshot, one, port));
    return every
      ? { does: 'mTLS', why: 'auto mTLS' }
      : { does: application, why: 'auto mTLS, but not every endpoint takes it' };
  }
  return offersMeshTls(snapshot, endpoint, port)
    ? { does: 'mTLS', why: 'auto mTLS' }
    : { does: application, why: 'auto mTLS' };
}

function serverSide(snapshot: MeshSnapshot, { visible }: Call, endpoint: Endpoint): Side<Takes> {
  const { workload } = endpoint;
  const port = applicationPort(visible.port, endpoint);
  if (visible.service.external) return { does: 'application', why: '' };
  if (workload.sidecar === undefined && !saysMeshTls(workload)) {
    return { does: 'application', why: 'the server has no sidecar' };
  }
  if (port === undefined || !comesToSidecar(snapshot, workload, port)) {
    return {
      does: 'application',
      why: `port ${port ?? visible.port.target} of the server does not come to its sidecar`,
    };
  }
  const decision = snapshot.peerAuthentications.decision(workload, port);
  const why = decisionText(decision);
  if (decision.mode === 'strict') return { does: 'mTLS', why };
  if (decision.mode === 'permissive') return { does: 'anything', why };
  const ended = ingressAt(snapshot.sidecars.find(workload), port)?.tls !== undefined;
  return ended ? { does: 'TLS', why: `${why}, and its Sidecar ends TLS there` } : { does: 'no mTLS', why };
}

function comesToSidecar(snapshot: MeshSnapshot, workload: Workload, port: number): boolean {
  const { sidecar } = workload;
  if (sidecar === undefined) return true;
  if (capturesPort(sidecar, port) || ownPorts(sidecar)?.inbound.has(port) === true) return true;
  return !captures(sidecar) && ingressAt(snapshot.sidecars.find(workload), port) !== undefined;
}

const LEVELS: Readonly<Record<MtlsDecision['level'], string>> = {
  default: '',
  mesh: 'the whole mesh',
  namespace: 'its namespace',
  workload: 'the workload',
  port: 'the port',
  unreadable: 'as it cannot be read',
};

function decisionText({ mode, level, policy }: MtlsDecision): string {
  if (level === 'default') return 'no PeerAuthentication: PERMISSIVE';
  const whom = level === 'unreadable' ? LEVELS[level] : `for ${LEVELS[level]}`;
  return `PeerAuthentication ${policy} says ${mode.toUpperCase()} ${whom}`;
}

function outcome(client: Spoken, server: Takes, { visible }: Call): Secured {
  switch (server) {
    case 'mTLS':
      return client === 'mTLS' ? 'mTLS' : 'broken';
    case 'anything':
      return client;
    case 'no mTLS':
      return client === 'mTLS' ? 'broken' : client;
    case 'TLS':
      return client === 'TLS' ? 'TLS' : 'broken';
    case 'application':
      // Outside of the mesh somebody may hold a certificate for us; within it nobody but a sidecar does.
      return client === 'mTLS' && !visible.service.external ? 'broken' : client;
  }
}

function distinct(pairs: readonly TlsPair[]): TlsPair[] {
  const byText = new Map(pairs.map((pair) => [JSON.stringify(pair), pair]));
  return [...byText.values()].sort(
    (a, b) => a.from.localeCompare(b.from) || a.to.localeCompare(b.to) || a.port - b.port,
  );
}
