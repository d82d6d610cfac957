import { readFileSync } from 'node:fs';
import { toJson } from '../../../common/xds/json.js';
import { TYPE } from '../../../common/xds/type-urls.js';
import { analyze } from '../../analyze/analyze.js';
import { readDocuments } from '../../api/documents.js';
import { type ConfigObject, type Finding, type ObjectKey, objectKey } from '../../api/object.js';
import { parseObject } from '../../api/parse-object.js';
import type { Allotments, Interception, SidecarPorts } from '../../model/allotment.js';
import { buildSnapshot } from '../../model/build.js';
import type { ProxyNode } from '../../model/proxy-node.js';
import type { MeshSnapshot } from '../../model/snapshot.js';
import type { ConfigSet } from '../../sources/source.js';
import type { ProxyResources } from '../../xds/resources.js';
import { translateProxyless } from '../proxyless.js';
import { translate } from '../translate.js';

/**
 * A golden case: Istio YAML on top of testdata/bookinfo.yaml, headed by directives in comments:
 * `# node: default/productpage-v1 weft` whose configuration; `# show: routes reviews` which type, and which resources
 * (a part of the name; several lines add up); `# dial: HOST:PORT` what a proxyless client asks for; `# base: none` without
 * Bookinfo; `# capture: REDIRECT` with captured pods in place of sidecars with ports of their own;
 * `# addresses: IP…` of the node; `# role: router` for a gateway; `# dns: captured` with a DNS proxy.
 */
export interface TranslateCase {
  readonly set: ConfigSet;
  readonly snapshot: MeshSnapshot;
  readonly resources: ProxyResources;
  readonly shown: unknown;
}

const TYPES: Readonly<Record<string, keyof typeof TYPE>> = {
  listeners: 'listener',
  routes: 'route',
  hosts: 'route',
  clusters: 'cluster',
  endpoints: 'endpoint',
  secrets: 'secret',
  names: 'nameTable',
};

export function runCase(input: string): TranslateCase {
  const directives = [...input.matchAll(/^# (\w+): (.+)$/gm)].map(([, key = '', value = '']) => ({ key, value }));
  const directive = (key: string): string | undefined => directives.find((item) => item.key === key)?.value;
  const base = directive('base') === 'none' ? '' : bookinfo();
  const set = configSet(`${base}\n---\n${input}`);
  const capture = directive('capture');
  const allotments = capture === undefined ? allot(set) : capturedPods(set, capture as Interception);
  const snapshot = buildSnapshot(set, allotments);
  const [workload = '', dataPlane = 'weft'] = (directive('node') ?? 'default/productpage-v1').split(' ');
  const addresses = directive('addresses')?.split(' ');
  const router = directive('role') === 'router';
  const node: ProxyNode = {
    ...nodeOf(snapshot, workload, dataPlane as ProxyNode['dataPlane']),
    ...(addresses !== undefined && { addresses }),
    ...(router && { role: 'router' }),
    ...(directive('dns') === 'captured' && { dnsCapture: true }),
  };
  const resources =
    node.dataPlane === 'grpc'
      ? translateProxyless(snapshot, node, (directive('dial') ?? '').split(' '))
      : translate(snapshot, node);
  const wanted = directives.filter(({ key }) => key === 'show').map(({ value }) => value.split(' '));
  const findings = analyze(set).map(showFinding);
  const resourcesShown = wanted.map(([type = '', part = '']) => show(resources, type, part));
  const shown = { ...(findings.length > 0 && { findings }), ...mergeByType(resourcesShown) };
  return { set, snapshot, resources, shown };
}

export function bookinfo(): string {
  return readFileSync(new URL('../testdata/bookinfo.yaml', import.meta.url), 'utf8');
}

export function configSet(text: string, rootNamespace?: string): ConfigSet {
  const objects = new Map<ObjectKey, ConfigObject>();
  const read = readDocuments(text, 'mesh.yaml');
  const findings: Finding[] = [...read.findings];
  const unreadablePolicies: ConfigSet['unreadablePolicies'][number][] = [];
  for (const { value, origin } of read.objects) {
    const parsed = parseObject(value, origin, rootNamespace);
    findings.push(...parsed.findings);
    if (parsed.object !== undefined) {
      const { kind, metadata } = parsed.object;
      objects.set(objectKey(kind, metadata.namespace, metadata.name), parsed.object);
    } else if (parsed.rejected !== undefined) {
      const { kind, namespace, name, selector } = parsed.rejected;
      if (kind === 'AuthorizationPolicy' || kind === 'PeerAuthentication' || kind === 'RequestAuthentication') {
        unreadablePolicies.push({ kind, namespace, name, selector });
      }
    }
  }
  return { objects, ...(rootNamespace !== undefined && { rootNamespace }), findings, unreadablePolicies };
}

/** A sidecar for every WorkloadEntry but those labelled `sidecar: none`, on ports that follow the order of the objects. */
export function allot(set: ConfigSet): Allotments {
  const allotments = new Map<string, SidecarPorts>();
  let next = 20_000;
  for (const object of set.objects.values()) {
    if (object.kind !== 'WorkloadEntry') continue;
    const spec = object.spec as { ports?: Record<string, number>; labels?: Record<string, string> };
    if (spec.labels?.['sidecar'] === 'none') continue;
    const workload = `${object.metadata.namespace}/${object.metadata.name}`;
    const outbound = next++;
    const admin = next++;
    const inbound = new Map(Object.values(spec.ports ?? {}).map((port) => [port, next++]));
    allotments.set(workload, { kind: 'ports', workload, address: '127.0.0.1', inbound, outbound, admin });
  }
  return allotments;
}

/** A sidecar for every Pod but those labelled `sidecar: none`. */
function capturedPods(set: ConfigSet, interception: Interception): Allotments {
  const pods = [...set.objects.values()].filter(
    ({ kind, metadata }) => kind === 'Pod' && metadata.labels['sidecar'] !== 'none',
  );
  return new Map(
    pods.map(({ metadata }) => [`${metadata.namespace}/${metadata.name}`, { kind: 'capture', interception }]),
  );
}

export function nodeOf(snapshot: MeshSnapshot, key: string, dataPlane: ProxyNode['dataPlane']): ProxyNode {
  const [namespace = '', name = ''] = key.split('/');
  const workload = snapshot.workloads.get(key);
  return {
    id: `sidecar~127.0.0.1~${name}.${namespace}~${namespace}.svc.cluster.local`,
    role: 'sidecar',
    namespace,
    workload: name,
    serviceAccount: workload?.serviceAccount ?? 'default',
    labels: workload?.labels ?? {},
    dataPlane,
  };
}

function showFinding(finding: Finding): string {
  const place = [finding.object, finding.field].filter((part) => part !== '').join(' ');
  return `${finding.level} ${finding.code} ${place}: ${finding.message}`;
}

/** `hosts` shows single virtual hosts of the routes. */
function show(resources: ProxyResources, type: string, part: string): [string, object] {
  const typeUrl = TYPE[TYPES[type] ?? 'listener'];
  const all = [...(resources.get(typeUrl) ?? [])].map(([name, message]) => [name, toJson(typeUrl, message)] as const);
  const items =
    type === 'hosts'
      ? all.flatMap(([, route]) =>
          (route as { virtual_hosts: { name: string }[] }).virtual_hosts.map((host) => [host.name, host] as const),
        )
      : all;
  return [type, Object.fromEntries(items.filter(([name]) => name.includes(part)))];
}

function mergeByType(shown: [string, object][]): object {
  const merged: Record<string, object> = {};
  for (const [type, items] of shown) merged[type] = { ...merged[type], ...items };
  return merged;
}
