import type { ConnectionOptions } from 'node:tls';
import { stringify } from 'yaml';
import { MESH_ALPN } from '../../../common/xds/names.js';
import { type ResourceTypeUrl, TYPE } from '../../../common/xds/type-urls.js';
import type { Allotments } from '../../../control-plane/model/allotment.js';
import { buildSnapshot } from '../../../control-plane/model/build.js';
import { configSet, nodeOf } from '../../../control-plane/translate/testing/case.js';
import { translate } from '../../../control-plane/translate/translate.js';
import type { ProxyResources } from '../../../control-plane/xds/resources.js';
import { TestCa } from '../../../proxy/tls/testing.js';
import { LOG_FIELDS, RunningProxy, type Side } from '../../support/differential.js';
import { staticBootstrap } from '../../support/static-bootstrap.js';
import { type Group, LOG_FORMAT, NAMESPACE, type Row } from './table.js';

/** Ports of every workload's application, and what they speak. */
const PORTS = { http: 'HTTP', second: 'HTTP', tcp: 'TCP' } as const;

/** What a row's decision looks like from outside. */
export interface Outcome {
  /** Status and body, or how the connection ended. */
  readonly answer: string;
  /** Start lines of the requests that got to the application, by its ports. */
  readonly reached: readonly string[];
  readonly details: string;
  readonly flags: string;
}

/** One proxy that stands for the sidecars of all groups, with the listeners that the control plane makes for each. */
export class TableProxy {
  private constructor(
    private readonly proxy: RunningProxy,
    private readonly ca: TestCa,
  ) {}

  static async start(side: Side, groups: readonly Group[]): Promise<TableProxy> {
    const ca = new TestCa();
    const identity = { ...ca.issue(`spiffe://cluster.local/ns/${NAMESPACE}/sa/server`), roots: ca.pem };
    const proxy = await RunningProxy.start(side, {
      listeners: groups.flatMap((_group, index) => Object.keys(PORTS).map((port) => entrance(index, port))),
      upstreams: Object.keys(PORTS),
      resources: (port) => {
        const all = groups.map((group, index) => resourcesOf(side, group, port, (name) => port(entrance(index, name))));
        return staticBootstrap(merged(all), identity).static_resources;
      },
    });
    return new TableProxy(proxy, ca);
  }

  stop(): void {
    this.proxy.stop();
  }

  async decide(group: number, row: Row): Promise<Outcome> {
    const lines = [`host: ${row.host}`, ...row.headers.map(([name, value]) => `${name}: ${value}`)];
    const { responses, connection, upstream, log } = await this.proxy.run({
      listener: entrance(group, row.port),
      send: [`${row.method} ${row.path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`],
      methods: [row.method],
      localAddress: row.from,
      settleMs: 0,
      logLines: 1,
      ...(row.identity !== undefined && { tls: this.tls(row.identity, row.sni) }),
    });
    const [response] = responses;
    const [line = {}] = log;
    return {
      // Whether unread bytes make a reset of a close is a matter of time.
      answer:
        response === undefined ? connection.replace('reset', 'closed') : `${response.start} ${response.body}`.trim(),
      reached: upstream.map(({ at, start }) => `${at} ${start}`),
      details: (row.tcp ? line['termination'] : line['details']) ?? '',
      flags: line['flags'] ?? '',
    };
  }

  private readonly issued = new Map<string, { readonly certificateChain: string; readonly privateKey: string }>();

  private tls(identity: string, sni = `outbound_.80_._.server.${NAMESPACE}.svc.cluster.local`): ConnectionOptions {
    const known = this.issued.get(identity) ?? this.ca.issue(identity);
    this.issued.set(identity, known);
    const { certificateChain: cert, privateKey: key } = known;
    return { cert, key, servername: sni, ALPNProtocols: [MESH_ALPN], rejectUnauthorized: false };
  }
}

function entrance(group: number, port: string): string {
  return `${group} ${port}`;
}

/** What the control plane sends to the sidecar of a group's workload, as far as inbound requests need it. */
function resourcesOf(
  side: Side,
  { config, name }: Group,
  application: (port: string) => number,
  sidecar: (port: string) => number,
): ProxyResources {
  const filled = config.replaceAll(/@(\w+)@/g, (all, port: string) =>
    Object.hasOwn(PORTS, port) ? String(application(port)) : all,
  );
  const set = configSet(`${topology(application)}\n---\n${filled.replaceAll(LOG_FORMAT, FORMAT)}`);
  const errors = set.findings.filter(({ level }) => level === 'error');
  if (errors.length > 0) throw new Error(`${name}: ${errors.map(({ field, message }) => `${field} ${message}`)}`);
  const workload = `${NAMESPACE}/server`;
  const inbound = new Map(Object.keys(PORTS).map((port) => [application(port), sidecar(port)]));
  const allotments: Allotments = new Map([
    [workload, { kind: 'ports', workload, address: '127.0.0.1', inbound, outbound: 1, admin: 2 }],
  ]);
  const snapshot = buildSnapshot(set, allotments);
  return translate(snapshot, nodeOf(snapshot, workload, side));
}

/** As text in MeshConfig, which is YAML in YAML. */
const FORMAT = JSON.stringify(JSON.stringify(LOG_FIELDS)).slice(1, -1);

function topology(port: (name: string) => number): string {
  const names = Object.keys(PORTS);
  const metadata = { name: 'server', namespace: NAMESPACE };
  const labels = { app: 'server', version: 'v1' };
  const entry = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata,
    spec: {
      address: '127.0.0.1',
      ports: Object.fromEntries(names.map((name) => [name, port(name)])),
      serviceAccount: 'server',
      labels,
    },
  };
  const service = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata,
    spec: {
      hosts: [`server.${NAMESPACE}.svc.cluster.local`],
      location: 'MESH_INTERNAL',
      resolution: 'STATIC',
      ports: Object.entries(PORTS).map(([name, protocol], index) => ({ number: 80 + index, name, protocol })),
      workloadSelector: { labels: { app: 'server' } },
    },
  };
  return [entry, service].map((object) => stringify(object)).join('\n---\n');
}

/** Listeners of all, and the clusters of the application, which all groups share. */
function merged(all: readonly ProxyResources[]): ProxyResources {
  const listeners = all.flatMap((one) => [...(one.get(TYPE.listener) ?? [])]).filter(([name]) => isInbound(name));
  const clusters = all.flatMap((one) => [...(one.get(TYPE.cluster) ?? [])]).filter(([name]) => /^inbound\|/.test(name));
  return new Map<ResourceTypeUrl, ReadonlyMap<string, object>>([
    [TYPE.listener, new Map(listeners)],
    [TYPE.cluster, new Map(clusters)],
  ]);
}

/** `ADDRESS_PORT` of a sidecar's entrance; the outbound ones have other names. */
function isInbound(name: string): boolean {
  return /^127\.0\.0\.1_\d{3,}$/.test(name);
}
