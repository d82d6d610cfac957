import { isIP } from 'node:net';
import type { ExplainedStep, Explanation } from '../../common/observe/explanation.js';
import type { ExplainedCluster, RouteExplanation } from '../../common/observe/route-explanation.js';
import { messageOf } from '../../common/runtime/errors.js';
import { ownPorts } from '../model/allotment.js';
import { applicationPort, type Workload } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { clientSteps, locally } from './explain-client.js';
import { type ServerDecision, serverStep } from './explain-server.js';
import { BadQuery } from './query.js';
import { askJson, type MeshView } from './view.js';

const PATIENCE_MS = 5000;
const MAX_SERVERS = 3;

type Scheme = 'http' | 'https' | 'tcp';

interface Asked {
  readonly scheme: Scheme;
  /** With its port, unless it is the scheme's own. */
  readonly host: string;
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly method: string;
  readonly headers: readonly string[];
}

/**
 * `GET /api/explain?from=NAMESPACE/WORKLOAD&method=…&url=…&header=NAME: VALUE…`: asks the client's sidecar for its way out, then
 * one sidecar of each cluster that is chosen for its way in. `from=gateway/NAME` is a client of that gateway. Rejects with a BadQuery that says what is wrong.
 */
export async function explain(view: MeshView, query: URLSearchParams): Promise<Explanation> {
  const asked = readQuestion(query);
  const snapshot = view.snapshot();
  if (snapshot === undefined) throw new BadQuery('there is no configuration yet');
  const { value: proxies, notes } = await view.proxies();
  const { client, gateway } = clientNamed(snapshot, query.get('from') ?? '', new Set(proxies.map(({ key }) => key)));
  const question = parameters(asked);
  if (gateway) question.set('gateway', String(portOfGateway(snapshot, client, asked.port)));
  else for (const ip of addressesOf(snapshot, client, asked)) question.append('ip', ip);
  const route = await askJson<RouteExplanation>(view, keyOf(client), `/weft/explain?${question}`, PATIENCE_MS);
  const steps = clientSteps(nameOf(client), route, gateway ? 'gateway' : 'client');
  const local = locally(route);
  if (local !== undefined) return { ...local, steps, notes };
  return withServers(view, snapshot, { client, asked, route, steps, notes });
}

interface Context {
  readonly client: Workload;
  readonly asked: Asked;
  readonly route: RouteExplanation;
  readonly steps: readonly ExplainedStep[];
  readonly notes: readonly string[];
}

type Decision = 'allowed' | 'denied' | 'asked';

async function withServers(
  view: MeshView,
  snapshot: MeshSnapshot,
  { client, asked, route, steps, notes }: Context,
): Promise<Explanation> {
  const told = [...notes];
  const all = [...steps];
  const decisions: Decision[] = [];
  const found = route.clusters.filter(({ percent }) => percent > 0).flatMap((cluster) => serversOf(snapshot, cluster));
  for (const { server, port, mtls } of found.slice(0, MAX_SERVERS)) {
    // Nobody stands before its application.
    if (server.sidecar === undefined) decisions.push('allowed');
    else {
      const question = parameters(asked);
      question.set('from', mtls ? `${client.namespace}/${client.serviceAccount}` : 'plaintext');
      question.set('port', String(port));
      if (route.protocol === 'tcp') question.set('protocol', 'tcp');
      try {
        const path = `/weft/authz/explain?${question}`;
        const [decision] = await askJson<ServerDecision[]>(view, keyOf(server), path, PATIENCE_MS);
        if (decision === undefined) continue;
        decisions.push(decision.decision);
        all.push(serverStep(nameOf(server), decision));
      } catch (error) {
        told.push(messageOf(error));
        decisions.push('asked');
      }
    }
  }
  if (found.length > MAX_SERVERS) told.push(`${MAX_SERVERS} of ${found.length} workloads that may get it were asked`);
  const names = [...new Set(found.map(({ server }) => server.workloadName))];
  return {
    ...outcome(decisions, names.join(' or ') || route.clusters.map(({ name }) => name).join(' or ')),
    steps: all,
    notes: told,
  };
}

function outcome(decisions: readonly Decision[], where: string): Pick<Explanation, 'verdict' | 'summary'> {
  if (decisions.length === 0)
    return { verdict: 'unknown', summary: `It is sent to ${where}, of which nothing is known here.` };
  if (decisions.every((one) => one === 'allowed'))
    return { verdict: 'allowed', summary: `It is passed on to ${where}, whose application answers.` };
  if (decisions.every((one) => one === 'denied'))
    return { verdict: 'refused', summary: `It is refused by the sidecar of ${where}: 403, or no connection.` };
  return {
    verdict: 'unknown',
    summary: `It is sent to ${where}; what happens there depends on more than can be known before.`,
  };
}

function readQuestion(query: URLSearchParams): Asked {
  const path = query.get('path') ?? '/';
  const text = query.get('url') ?? `http://${query.get('to') ?? ''}${path}`;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new BadQuery(`url: http://HOST:PORT/PATH is expected, not "${text.slice(0, 200)}"`);
  }
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== 'http' && scheme !== 'https' && scheme !== 'tcp')
    throw new BadQuery('url: it begins with http://, https:// or tcp://');
  const port = url.port === '' ? DEFAULT_PORTS[scheme] : Number(url.port);
  if (port === undefined) throw new BadQuery('url: tcp://HOST:PORT is expected');
  const headers = query.getAll('header').slice(0, 64);
  const name = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const asked = `${url.pathname === '' ? '/' : url.pathname}${url.search}`;
  return { scheme, host: url.host, name, port, path: asked, method: query.get('method') ?? 'GET', headers };
}

const DEFAULT_PORTS: Readonly<Record<Scheme, number | undefined>> = { http: 80, https: 443, tcp: undefined };

function parameters({ scheme, host, path, method, headers }: Asked): URLSearchParams {
  const query = new URLSearchParams({ scheme, host, path, method });
  for (const line of headers) query.append('header', line);
  return query;
}

/** Where a client finds a service, as its name would be resolved; an address is its own. */
function addressesOf(snapshot: MeshSnapshot, { namespace }: Workload, { name, port }: Asked): readonly string[] {
  if (isIP(name) !== 0) return [name];
  const short = [`${name}.${namespace}.svc.`, `${name}.svc.`, `${name}.`];
  const service =
    snapshot.services.find(({ host }) => host === name) ??
    snapshot.services.find(
      ({ host }) => short.some((beginning) => host.startsWith(beginning)) && host.includes('.svc.'),
    );
  if (service === undefined) return [];
  if (!service.headless) return [...service.addresses, ...service.automaticAddresses].filter((ip) => isIP(ip) !== 0);
  return service.ports.some(({ number }) => number === port)
    ? service.endpoints.map(({ workload }) => workload.address).filter((ip) => isIP(ip) !== 0)
    : [];
}

/** Where a gateway listens for a port of its Service. */
function portOfGateway(snapshot: MeshSnapshot, gateway: Workload, wanted: number): number {
  for (const { service, endpoint } of snapshot.servicesOf.get(keyOf(gateway)) ?? []) {
    const port = service.ports.find(({ number }) => number === wanted);
    const own = port === undefined ? undefined : applicationPort(port, endpoint);
    if (own !== undefined) return own;
  }
  return wanted;
}

interface Client {
  readonly client: Workload;
  /** The request comes from outside, to this workload. */
  readonly gateway: boolean;
}

const GATEWAY = 'gateway/';

function clientNamed(snapshot: MeshSnapshot, asked: string, connected: ReadonlySet<string>): Client {
  const gateway = asked.startsWith(GATEWAY);
  const name = gateway ? asked.slice(GATEWAY.length) : asked;
  const all = [...snapshot.workloads.values()];
  const means = (one: Workload): boolean =>
    [one.name, one.workloadName].some((own) =>
      [own, `${own}.${one.namespace}`, `${one.namespace}/${own}`].includes(name),
    );
  const found = all.filter(means);
  const client = found.find((one) => connected.has(keyOf(one)));
  if (client === undefined) {
    if (found[0] !== undefined) throw new BadQuery(withoutProxy(found[0]));
    const known = all
      .filter((one) => connected.has(keyOf(one)))
      .map(({ namespace, workloadName }) => `${namespace}/${workloadName}`);
    throw new BadQuery(
      `from: there is no workload "${name.slice(0, 200)}" with a ${gateway ? 'proxy' : 'sidecar'}; there are: ${[...new Set(known)].join(', ')}`,
    );
  }
  return { client, gateway: gateway || ownPorts(client.sidecar)?.gateway === true };
}

function withoutProxy({ namespace, name, workloadName, sidecar }: Workload): string {
  const who = `from: ${namespace}/${workloadName} has no ${sidecar === undefined ? 'sidecar' : 'proxy that is connected'}`;
  const then =
    'nothing of the mesh decides what becomes of its requests before they reach the other side. Ask for a workload';
  return `${who}: ${then} with a sidecar, or see why it has none: weft check-inject ${name} -n ${namespace}`;
}

interface Server {
  readonly server: Workload;
  /** Of the application. */
  readonly port: number;
  readonly mtls: boolean;
}

/** Who stands behind the healthy hosts of a cluster: one instance of each workload. */
function serversOf(snapshot: MeshSnapshot, { hosts }: ExplainedCluster): Server[] {
  const servers = new Map<string, Server>();
  for (const { address, healthy, mtls } of hosts) {
    const found = healthy ? serverAt(snapshot, address) : undefined;
    if (found === undefined) continue;
    const key = `${found.server.namespace}/${found.server.workloadName}`;
    if (!servers.has(key)) servers.set(key, { ...found, mtls });
  }
  return [...servers.values()];
}

function serverAt(snapshot: MeshSnapshot, address: string): Omit<Server, 'mtls'> | undefined {
  const colon = address.lastIndexOf(':');
  const [ip, port] = [address.slice(0, colon).replace(/^\[|\]$/g, ''), Number(address.slice(colon + 1))];
  let other: Workload | undefined;
  for (const server of snapshot.workloads.values()) {
    const ports = ownPorts(server.sidecar);
    if (ports === undefined) {
      // Several share the address of a machine.
      if (server.address === ip && (other === undefined || [...server.ports.values()].includes(port))) other = server;
      continue;
    }
    for (const [application, entrance] of ports.inbound) {
      if (entrance === port && ports.address === ip) return { server, port: application };
    }
  }
  return other === undefined ? undefined : { server: other, port };
}

function keyOf({ namespace, name }: Workload): string {
  return `${namespace}/${name}`;
}

function nameOf({ namespace, name }: Workload): string {
  return `${name}.${namespace}`;
}
