import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { freePorts } from '../../cli/demo/free-ports.js';
import { TestMesh } from '../support/mesh.js';
import { exchange } from '../support/raw-client.js';
import { answer, ScriptedUpstreams } from '../support/scripted-upstream.js';
import { startTlsEcho } from '../support/tls-echo.js';
import { startAuthzService } from './authz-service.js';
import type { CaseRequest, ConformanceCase } from './case-file.js';
import { ENTRANCES, GatewayParts } from './gateway-parts.js';
import { CallUpstream, http2Exchange } from './http2-parts.js';
import { LOG_FIELDS, Normalizer, type Observation } from './observation.js';
import { MARKER, type Side, SidecarPair } from './sides.js';
import { statisticsOf } from './statistics.js';

/**
 * The mesh that all cases share: a client and a server with our sidecars, the same with real Envoys, and services whose
 * upstreams answer as a case says. `shop` has three endpoints in two versions, `cart` one.
 */
const UPSTREAMS = {
  'shop-v1-a': { app: 'shop', version: 'v1' },
  'shop-v1-b': { app: 'shop', version: 'v1' },
  'shop-v2': { app: 'shop', version: 'v2' },
  cart: { app: 'cart', version: 'v1' },
  other: { app: 'other', version: 'v1' },
  calls: { app: 'calls', version: 'v1' },
} as const;

/** Ports that a Sidecar of the case opens: at the client, and at the server, whose sidecars must not want the same one. */
const OPENED: ReadonlySet<string> = new Set(['@tcp@', '@opened@']);
/** Ports that nobody or only a sidecar takes. */
const WITHOUT_UPSTREAM: readonly string[] = ['closed', 'authz', 'weft-tcp', 'envoy-tcp', 'weft-opened', 'envoy-opened'];

const APPLY_TIMEOUT_MS = 30_000;
/** Half a thousand cases wait for their configuration. */
const POLL_MS = 10;

export class ConformanceMesh {
  private readonly mesh = new TestMesh();
  private readonly upstreams = new ScriptedUpstreams();
  private readonly calls = new CallUpstream();
  private readonly ports = new Map<string, number>();
  private readonly pairs = new Map<Side, SidecarPair>();
  private readonly gateways = new GatewayParts();
  /** Paths of certificates and keys. */
  private readonly files = new Map<string, string>();
  private closeSecure = (): void => {};
  private closeAuthz = (): void => {};
  private version = 0;

  /** Without an Envoy only our side runs. Resolves when all sidecars are ready. */
  async start(envoy: string | undefined): Promise<void> {
    const names = [
      ...Object.keys(UPSTREAMS),
      ...['server-weft', 'server-envoy', 'secure', ...gatewayPorts()],
      ...WITHOUT_UPSTREAM,
    ];
    const free = await freePorts(names.length);
    for (const [index, name] of names.entries()) this.ports.set(name, free[index] ?? 0);
    const unserved = new Set(['secure', 'calls', ...WITHOUT_UPSTREAM, ...gatewayPorts()]);
    for (const name of names) if (!unserved.has(name)) await this.upstreams.listen(upstreamName(name), this.port(name));
    const socket = join(this.mesh.folder, 'other.sock');
    await this.upstreams.listen('other', socket);
    this.files.set('socket', socket);
    const clientRoots = join(this.mesh.folder, 'client-roots.pem');
    writeFileSync(clientRoots, this.gateways.clientRoots);
    this.files.set('clientRootsFile', clientRoots);
    await this.gateways.listen(this.port('secure'));
    await this.calls.listen('calls', this.port('calls'), () => this.upstreams.received);
    this.closeAuthz = await startAuthzService(this.port('authz'));
    const { port, close, ...files } = await startTlsEcho(this.mesh.folder);
    this.ports.set('tls-echo', port);
    for (const [name, path] of Object.entries(files)) this.files.set(name, path);
    this.closeSecure = close;
    await this.mesh.start({ 'topology.yaml': this.topology(), 'case.yaml': this.caseFile('', {}) });
    for (const side of ['weft', ...(envoy === undefined ? [] : ['envoy'])] as Side[]) {
      const pair = new SidecarPair(side, this.mesh);
      this.pairs.set(side, pair);
      await pair.start(envoy ?? '');
    }
  }

  async dispose(): Promise<void> {
    this.closeSecure();
    this.closeAuthz();
    this.upstreams.close();
    this.calls.close();
    this.gateways.close();
    await this.mesh.dispose();
  }

  get sides(): readonly Side[] {
    return [...this.pairs.keys()];
  }

  /** Puts a case's configuration into force and resolves when every sidecar has it. Rejects when one refuses it. */
  async apply(one: ConformanceCase): Promise<void> {
    this.mesh.write('case.yaml', this.caseFile(one.config, one.mesh));
    const marker: CaseRequest = { ...BARE, host: MARKER };
    // A gateway that takes none but connections with a PROXY header.
    const prefix = JSON.stringify(one.mesh).includes('proxyProtocol') ? PROXY_HEADER : '';
    const inForce = async (side: Side, to: CaseRequest['to']): Promise<void> => {
      const request = { ...marker, to, prefix: to === 'outbound' ? '' : prefix };
      const { responses } = await this.send(side, request, 0, 0);
      const [body] = responses.map((response) => response.body);
      if (body !== String(this.version)) throw new Error(`${side} ${to} is at ${body}, not at ${this.version}`);
    };
    const entrances = this.sides.flatMap((side) =>
      (['outbound', '@gateway@'] as const).map((to) => [side, to] as const),
    );
    await Promise.all(
      entrances.map(([side, to]) =>
        this.mesh.until('the new configuration', () => inForce(side, to), APPLY_TIMEOUT_MS, POLL_MS),
      ),
    );
    await this.mesh.until('every sidecar in sync', () => this.inSync(), APPLY_TIMEOUT_MS, POLL_MS);
  }

  private async inSync(): Promise<void> {
    for (const proxy of await this.mesh.proxies()) {
      for (const [type, { status, lastNack }] of Object.entries(proxy.types)) {
        if (status !== 'SYNCED' && status !== 'NOT SENT') {
          throw new Error(`${proxy.workload} ${type} is ${status} ${lastNack?.reason ?? ''}`);
        }
      }
    }
  }

  /** One exchange, and all that can be seen of it. */
  async observe(side: Side, request: CaseRequest): Promise<Observation & { readonly tookMs: number }> {
    const pair = this.pair(side);
    await pair.log(0);
    this.script(request);
    const started = performance.now();
    const result = await this.send(side, request, 0);
    const tookMs = performance.now() - started;
    for (const end = Date.now() + 2000; this.upstreams.received.length < request.reached && Date.now() < end; )
      await delay(5);
    const log = await pair.log(request.expect.secured === null ? 0 : request.logs);
    // A tunnel is logged when both its ends are over, which is not to be taken for the next exchange's.
    if (request.logs === 0 && request.raw !== undefined) await pair.log(1);
    if (request.logs > 1) log.sort((a, b) => ((a['cluster'] ?? '') < (b['cluster'] ?? '') ? -1 : 1));
    const received = this.upstreams.received.map((one) => ({ ...one, at: versionName(one.at) }));
    if (request.reached > 0) received.sort((a, b) => (a.at < b.at ? -1 : 1));
    return { ...this.normalizer(side).exchange(result, received, log), tookMs };
  }

  /** Which upstream, or else which status, answered each repetition of a request: how often, from 0 to 1. */
  async shares(side: Side, request: CaseRequest): Promise<Record<string, number>> {
    this.script(request);
    const counts: Record<string, number> = {};
    for (let i = 0; i < request.repeat; i += 1) {
      const before = this.upstreams.received.length;
      const { responses } = await this.send(side, request, i);
      const at = this.upstreams.received[before]?.at;
      const key = at ?? responses[0]?.start.split(' ')[1] ?? 'none';
      counts[key] = (counts[key] ?? 0) + 1;
    }
    // So that the next exchange finds no line of these.
    await this.pair(side).log(request.repeat);
    return Object.fromEntries(Object.entries(counts).map(([key, count]) => [key, count / request.repeat]));
  }

  /** What requests at the same time are answered with: as many of each status and flag as there were. */
  async together(side: Side, request: CaseRequest): Promise<Record<string, number>> {
    await this.pair(side).log(0);
    this.script(request);
    await Promise.all(Array.from({ length: request.together }, (_, i) => this.send(side, request, i)));
    const counts: Record<string, number> = {};
    for (const { code, flags } of await this.pair(side).log(request.together)) {
      const key = `${code} ${flags}`;
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  }

  stats(side: Side): Promise<Map<string, number>> {
    return statisticsOf(this.pair(side), this.normalizer(side));
  }

  private script({ answers, calls }: CaseRequest): void {
    this.calls.script = (index) => calls[index] ?? calls.at(-1) ?? { status: 0 };
    this.upstreams.reset((_request, index) => answers[index] ?? answers.at(-1) ?? answer(200));
  }

  /** `settleMs` is how long a proxy that closes is waited for. */
  private send(
    side: Side,
    request: CaseRequest,
    i: number,
    settleMs = request.repeat > 1 ? 0 : 30,
  ): ReturnType<typeof exchange> {
    const { raw, method } = request;
    const port = this.entrance(side, request);
    if (request.http2) return http2Exchange(port, request);
    const tls = request.tls === undefined ? {} : { tls: this.gateways.options(request.tls) };
    if (raw !== undefined) {
      const { until } = request;
      const relayed = OPENED.has(request.to) && until !== undefined;
      if (relayed) return exchange(port, { send: [this.withPorts(raw, side), { until }, 'end'], responses: 0 });
      return exchange(port, {
        send: [raw],
        ...(until === undefined ? { responses: 0 } : { responses: 1, tail: until }),
        ...tls,
      });
    }
    const fill = (text: string): string => this.withPorts(text, side).replaceAll('{i}', String(i));
    const length =
      request.body === '' ? [] : [['content-length', String(Buffer.byteLength(fill(request.body)))] as const];
    const lines = [['host', request.host] as const, ...request.headers, ...length].map(
      ([k, v]) => `${k}: ${fill(v)}\r\n`,
    );
    const text = `${request.prefix}${method} ${fill(request.path)} HTTP/1.1\r\n${lines.join('')}\r\n${fill(request.body)}`;
    return exchange(port, { send: [text], methods: [method], settleMs, ...tls });
  }

  private entrance(side: Side, { to }: CaseRequest): number {
    const pair = this.pair(side);
    if (to === 'outbound') return pair.outbound;
    if (to === 'inbound') return pair.inbound;
    return this.port(OPENED.has(to) ? `${side}-${to.slice(1, -1)}` : `${side} ${to.slice(1, -1)}`);
  }

  private pair(side: Side): SidecarPair {
    const pair = this.pairs.get(side);
    if (pair === undefined) throw new Error(`there is no ${side}`);
    return pair;
  }

  private port(name: string): number {
    const port = this.ports.get(name);
    if (port === undefined) throw new Error(`no port is named '${name}'`);
    return port;
  }

  private normalizer(side: Side): Normalizer {
    const names = new Map<number, string>();
    for (const [name, port] of this.ports) names.set(port, versionName(name).replace(/^(weft|envoy) /, ''));
    names.set(this.port(`server-${side}`), 'server');
    for (const opened of OPENED) names.set(this.port(`${side}-${opened.slice(1, -1)}`), 'tcp');
    names.set(this.pair(side).outbound, 'outbound');
    names.set(this.pair(side).inbound, 'inbound');
    return new Normalizer(names);
  }

  /** Of a side's own listeners there is `outbound`. */
  private withPorts(text: string, side?: Side): string {
    return text.replaceAll(
      /@([A-Za-z0-9-]+)@/g,
      (_all, name: string) =>
        this.files.get(name) ??
        String(side !== undefined && name === 'outbound' ? this.pair(side).outbound : this.port(name)),
    );
  }

  private caseFile(config: string, mesh: Readonly<Record<string, unknown>>): string {
    this.version += 1;
    const filled = this.gateways.withPins(this.withPorts(config));
    // The marker comes last: a file that is read while it is being written has none.
    return [meshConfig(mesh), ...(filled.trim() === '' ? [] : [filled]), markerOf(this.version)].join('\n---\n');
  }

  private topology(): string {
    const plain = Object.entries(UPSTREAMS).map(([name, labels]) => entry(name, this.port(name), labels, false));
    const clients = ['weft', 'envoy'].map((side) =>
      entry(`client-${side}`, 1, { app: 'client', side }, true, 'europe/paris/a'),
    );
    const servers = ['weft', 'envoy'].map((side) =>
      entry(`server-${side}`, this.port(`server-${side}`), { app: 'server', side }, true),
    );
    const services = [...['shop', 'cart', 'other'].map((name) => service(name)), service('calls', 'GRPC')];
    const gateways = this.gateways.topology((name) => this.port(name));
    return [...plain, ...clients, ...servers, ...services, gateways].join('\n---\n');
  }
}

const PROXY_HEADER = 'PROXY TCP4 192.0.2.1 127.0.0.1 1 1\r\n';

const BARE: CaseRequest = {
  to: 'outbound',
  method: 'GET',
  path: '/',
  host: 'shop',
  headers: [],
  body: '',
  prefix: '',
  http2: false,
  messages: undefined,
  protocol: undefined,
  calls: [{ status: 0 }],
  raw: undefined,
  until: undefined,
  tls: undefined,
  logs: 1,
  answers: [answer(200)],
  reached: 0,
  repeat: 1,
  together: 1,
  expect: {},
};

/** Which of two equal endpoints is chosen is chance: only shares tell them apart. */
export function versionName(name: string): string {
  return name.startsWith('shop-v1-') ? 'shop-v1' : name;
}

/** `weft gateway`, `envoy gateway`, … */
function gatewayPorts(): string[] {
  return ['weft', 'envoy'].flatMap((side) => Object.keys(ENTRANCES).map((name) => `${side} ${name}`));
}

/** Both servers are one for what a case says. */
function upstreamName(name: string): string {
  return name.startsWith('server-') ? 'server' : name;
}

function entry(
  name: string,
  port: number,
  labels: Readonly<Record<string, string>>,
  sidecar: boolean,
  locality?: string,
): string {
  return stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { name, namespace: 'default', annotations: { 'sidecar.istio.io/inject': String(sidecar) } },
    spec: {
      address: '127.0.0.1',
      ports: { http: port },
      serviceAccount: labels['app'],
      labels,
      ...(locality && { locality }),
    },
  });
}

function service(name: string, protocol = 'HTTP'): string {
  return stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name, namespace: 'default' },
    spec: {
      hosts: [`${name}.default.svc.cluster.local`],
      location: 'MESH_INTERNAL',
      resolution: 'STATIC',
      ports: [{ number: 80, name: 'http', protocol }],
      workloadSelector: { labels: { app: name } },
    },
  });
}

/** Tells which version of the configuration a sidecar has. */
function markerOf(version: number): string {
  return stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'marker', namespace: 'default' },
    spec: {
      hosts: [MARKER],
      gateways: ['mesh', 'marker'],
      http: [{ directResponse: { status: 200, body: { string: String(version) } } }],
    },
  });
}

function meshConfig(more: Readonly<Record<string, unknown>>): string {
  const mesh = {
    accessLogFile: '/dev/stdout',
    accessLogEncoding: 'JSON',
    accessLogFormat: JSON.stringify(LOG_FIELDS),
    // Clients know where others of their kind are.
    defaultConfig: { proxyMetadata: { ISTIO_META_ENABLE_SELF_DISCOVERY: 'true' } },
    ...more,
  };
  return stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: 'istio-system' },
    data: { mesh: stringify(mesh) },
  });
}
