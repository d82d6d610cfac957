import { Code } from './codes.js';
import { findingOf } from './finding.js';
import type { ConfigMapSpec } from './kinds/core.js';
import { ROOT_NAMESPACE } from './kinds/index.js';
import { parseMeshConfig } from './mesh-settings.js';
import { DEFAULT_NAMESPACE, parseMetadata } from './metadata.js';
import type { ConfigObject, Finding, ObjectMeta, Origin } from './object.js';
import { readYaml } from './read-yaml.js';
import { definitionOf, isKnownKind, type KindDefinition, knownKinds, unreadKind } from './registry.js';
import { Report } from './schema/report.js';
import { alternatives } from './schema/scalars.js';
import { isMapping, shown } from './schema/schema.js';
import { nearestName } from './schema/suggest.js';
import { meshNetworks } from './schemas/mesh-networks.js';

/** What could be made of one object of a file. */
export interface ParsedObject {
  /** Undefined when the object must not be used. */
  readonly object?: ConfigObject;
  readonly findings: readonly Finding[];
  /** Of an object of a known kind that must not be used: who it was to be, as far as that can be read. */
  readonly rejected?: RejectedObject;
}

export interface RejectedObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Labels of the workloads that it was for; undefined when it was for all, or when that cannot be read. */
  readonly selector: Readonly<Record<string, string>> | undefined;
}

type Document = Readonly<Record<string, unknown>>;

/**
 * Validates one object; `origin` is its place in a file, the root namespace has the ConfigMap with MeshConfig. Collects every
 * fault; never throws.
 */
export function parseObject(
  document: unknown,
  origin: Origin | undefined,
  rootNamespace: string = ROOT_NAMESPACE,
): ParsedObject {
  const raw: Document = isMapping(document) ? document : {};
  const { kind, apiVersion } = raw;
  if (typeof kind !== 'string' || typeof apiVersion !== 'string' || kind === '') {
    const missing = typeof kind === 'string' && kind !== '' ? 'apiVersion' : 'kind';
    const title = describe(raw);
    const finding = {
      code: Code.schema,
      level: 'error',
      path: missing,
      message: `must be set, got ${shown(raw[missing])}: every object has apiVersion and kind`,
    } as const;
    const findings = [findingOf({ ...title, origin }, finding)];
    return typeof kind === 'string' && isKnownKind(kind) ? { findings, rejected: rejectedOf(raw, kind) } : { findings };
  }
  const [group, version] = splitApiVersion(apiVersion);
  if (!isKnownKind(kind)) return unknown(raw, origin, group, kind);
  const definition = definitionOf(kind);
  if (definition.group !== group && !sharesName(group)) return unknown(raw, origin, group, kind);
  const report = new Report();
  if (definition.group !== group || !definition.versions.includes(version)) {
    report.error('apiVersion', `${kind} is ${apiVersionsOf(definition)}, got "${apiVersion}"`, Code.wrongApiVersion);
  }
  return validate(raw, origin, kind, definition, report, rootNamespace);
}

function validate(
  raw: Document,
  origin: Origin | undefined,
  kind: string,
  definition: KindDefinition<unknown>,
  report: Report,
  rootNamespace: string,
): ParsedObject {
  const metadata = parseMetadata(raw['metadata'], report, definition.clusterScoped === true);
  const { spec, origin: place } = parseSpec(raw, origin, kind, definition, metadata, report, rootNamespace);
  if (definition.inPart !== true) reportStrayKeys(raw, report);
  const shownAs = { ...describe(raw), kind, origin: place };
  const findings = report.issues.map((issue) =>
    findingOf(metadata === undefined ? shownAs : { kind, metadata, origin: place }, issue),
  );
  if (report.failed || metadata === undefined || spec === undefined)
    return { findings, rejected: rejectedOf(raw, kind) };
  return { object: { apiVersion: String(raw['apiVersion']), kind, metadata, spec, origin: place }, findings };
}

function parseSpec(
  raw: Document,
  origin: Origin | undefined,
  kind: string,
  definition: KindDefinition<unknown>,
  metadata: ObjectMeta | undefined,
  report: Report,
  rootNamespace: string,
): { spec: unknown; origin: Origin | undefined } {
  if (kind === 'ConfigMap') return parseConfigMap(raw, origin, definition, metadata, report, rootNamespace);
  // Some have no spec: what matters stands beside the metadata.
  if (kind === 'Secret') return { spec: definition.spec.parse(secretSpec(raw), '', report), origin };
  if (kind === 'Service') return { spec: definition.spec.parse(serviceSpec(raw), 'spec', report), origin };
  if (kind === 'Pod') return { spec: definition.spec.parse(podSpec(raw), 'spec', report), origin };
  if (kind === 'EndpointSlice') return { spec: definition.spec.parse(raw, '', report), origin };
  return { spec: definition.spec.parse(raw['spec'] ?? {}, 'spec', report), origin };
}

function parseConfigMap(
  raw: Document,
  origin: Origin | undefined,
  definition: KindDefinition<unknown>,
  metadata: ObjectMeta | undefined,
  report: Report,
  rootNamespace: string,
): { spec: unknown; origin: Origin | undefined } {
  // Its key `data` is optional in Kubernetes (there is binaryData too), and its paths start there.
  const spec = definition.spec.parse({ data: raw['data'] ?? {} }, '', report) as ConfigMapSpec | undefined;
  if (metadata?.name !== 'istio' || metadata.namespace !== rootNamespace) return { spec, origin };
  const { mesh: text, meshNetworks: networksText } = spec?.data ?? {};
  const networks =
    networksText === undefined
      ? undefined
      : meshNetworks.parse(readYaml(networksText) ?? {}, 'data.meshNetworks', report);
  const whole = networks === undefined ? spec : { ...spec, networks };
  if (text === undefined) return { spec: whole, origin };
  const { mesh, origin: inner } = parseMeshConfig(text, origin, report);
  return { spec: mesh === undefined ? whole : { ...whole, mesh }, origin: inner };
}

/** Where a Service is reached from outside stands in its status. */
function serviceSpec(raw: Document): unknown {
  const status = isMapping(raw['status']) ? raw['status'] : {};
  const { ingress } = isMapping(status['loadBalancer']) ? status['loadBalancer'] : {};
  return isMapping(raw['spec'] ?? {}) ? { ...(raw['spec'] as object), loadBalancer: ingress } : raw['spec'];
}

/** What the mesh reads of a pod stands in its spec, its status and its metadata. */
function podSpec(raw: Document): unknown {
  const spec = isMapping(raw['spec']) ? raw['spec'] : {};
  const status = isMapping(raw['status']) ? raw['status'] : {};
  const metadata = isMapping(raw['metadata']) ? raw['metadata'] : {};
  const conditions: unknown = status['conditions'];
  const ready = Array.isArray(conditions)
    ? conditions.some((entry) => isMapping(entry) && entry['type'] === 'Ready' && entry['status'] === 'True')
    : undefined;
  return {
    ...spec,
    podIP: status['podIP'],
    podIPs: status['podIPs'],
    phase: status['phase'],
    ready,
    terminating: typeof metadata['deletionTimestamp'] === 'string' ? true : undefined,
    owner: controllerOf(metadata['ownerReferences']),
  };
}

function controllerOf(references: unknown): unknown {
  if (!Array.isArray(references)) return undefined;
  const found: unknown = references.find((entry) => isMapping(entry) && entry['controller'] === true);
  return isMapping(found) ? { kind: found['kind'], name: found['name'] } : undefined;
}

function secretSpec({ type, data, stringData }: Document): unknown {
  return { type, data: data ?? {}, stringData: stringData ?? {} };
}

const ENVELOPE = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];

/** A key beside `spec` is most often one that was to be in it. */
function reportStrayKeys(raw: Document, report: Report): void {
  for (const key of Object.keys(raw)) {
    if (ENVELOPE.includes(key)) continue;
    report.error(key, `unknown field beside spec${nearestHint(key, ENVELOPE) || '; was it to be inside spec?'}`);
  }
}

function unknown(raw: Document, origin: Origin | undefined, group: string, kind: string): ParsedObject {
  const { level, message } = unreadKind(group, kind);
  const hint =
    level === 'warning'
      ? nearestHint(
          kind,
          knownKinds().filter((known) => known !== kind),
        )
      : '';
  const issue = { code: Code.unknownKind, level, path: 'kind', message: message + hint };
  return { findings: [findingOf({ ...describe(raw), origin }, issue)] };
}

function nearestHint(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `; did you mean "${nearest}"?`;
}

/** Istio's and SMI's groups: a known kind in a wrong one of them is a slip, elsewhere it is another kind of that name. */
function sharesName(group: string): boolean {
  return group === '' || group.endsWith('.istio.io') || group.endsWith('.smi-spec.io');
}

function splitApiVersion(apiVersion: string): readonly [group: string, version: string] {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

function apiVersionsOf(definition: KindDefinition<unknown>): string {
  return alternatives(
    definition.versions.map((version) => (definition.group === '' ? version : `${definition.group}/${version}`)),
  );
}

/** Kind and metadata as far as they can be read, for messages. */
function describe(raw: Document): { kind: string; metadata: ObjectMeta } {
  const kind = typeof raw['kind'] === 'string' ? raw['kind'] : 'object';
  const { namespace, name } = rejectedOf(raw, kind);
  return { kind, metadata: { name, namespace, labels: {}, annotations: {}, creationTimestamp: '', generation: 0 } };
}

function rejectedOf(raw: Document, kind: string): RejectedObject {
  const metadata = isMapping(raw['metadata']) ? raw['metadata'] : {};
  const { name, namespace } = metadata;
  const spec = isMapping(raw['spec']) ? raw['spec'] : {};
  return {
    kind,
    namespace: typeof namespace === 'string' && namespace !== '' ? namespace : DEFAULT_NAMESPACE,
    name: typeof name === 'string' ? name : '',
    selector: readableSelector(spec['selector']),
  };
}

/** The labels of a selector that is sound; a doubtful one counts as all workloads, which is the safe side. */
function readableSelector(selector: unknown): Readonly<Record<string, string>> | undefined {
  if (!isMapping(selector) || Object.keys(selector).some((key) => key !== 'matchLabels')) return undefined;
  const labels = selector['matchLabels'];
  if (!isMapping(labels)) return undefined;
  const entries = Object.entries(labels);
  const sound = entries.every(
    ([key, value]) => typeof value === 'string' && !key.includes('*') && !value.includes('*'),
  );
  return sound && entries.length > 0
    ? Object.fromEntries(entries.map(([key, value]) => [key, String(value)]))
    : undefined;
}
