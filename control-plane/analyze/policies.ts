import type { ExtensionProvider } from '../api/kinds/extension-provider.js';
import type { ConfigObject } from '../api/object.js';
import { AnalysisCode } from './codes.js';
import { byPrecedence, titleOf } from './conflicts.js';
import type { KnownWorkload, Registry } from './registry.js';
import type { Reporter } from './reporter.js';

type Labels = Readonly<Record<string, string>>;

/** An object that is for the workloads that a selector names. */
interface Selecting {
  readonly object: ConfigObject;
  readonly selector: Labels;
  readonly field: string;
}

/** Kinds of which one workload can have only one. */
interface Exclusive {
  readonly kind: 'PeerAuthentication' | 'Telemetry' | 'Sidecar';
  readonly sameWorkload: string;
  readonly sameNamespace: string;
}

const EXCLUSIVE: readonly Exclusive[] = [
  {
    kind: 'PeerAuthentication',
    sameWorkload: AnalysisCode.conflictingPolicies,
    sameNamespace: AnalysisCode.conflictingPolicies,
  },
  {
    kind: 'Telemetry',
    sameWorkload: AnalysisCode.conflictingTelemetrySelectors,
    sameNamespace: AnalysisCode.severalTelemetriesWithoutSelector,
  },
  {
    kind: 'Sidecar',
    sameWorkload: AnalysisCode.conflictingSidecarSelectors,
    sameNamespace: AnalysisCode.severalSidecarsWithoutSelector,
  },
];

/** Selectors that select nothing, and objects of which only one can apply. */
export function checkPolicies(registry: Registry, report: Reporter): void {
  for (const selecting of allSelecting(registry)) checkSelection(selecting, registry, report);
  for (const exclusive of EXCLUSIVE) checkExclusive(exclusive, registry, report);
  checkProviders(registry, report);
}

function policies(
  registry: Registry,
  kind: 'PeerAuthentication' | 'Telemetry' | 'AuthorizationPolicy' | 'RequestAuthentication',
): Selecting[] {
  return registry.all(kind).map((object) => ({
    object,
    selector: object.spec.selector?.matchLabels ?? {},
    field: 'spec.selector.matchLabels',
  }));
}

function labelled(registry: Registry, kind: 'Sidecar' | 'ServiceEntry'): Selecting[] {
  return registry.all(kind).map((object) => ({
    object,
    selector: object.spec.workloadSelector?.labels ?? {},
    field: 'spec.workloadSelector.labels',
  }));
}

function allSelecting(registry: Registry): Selecting[] {
  return [
    ...policies(registry, 'PeerAuthentication'),
    ...policies(registry, 'AuthorizationPolicy'),
    ...policies(registry, 'RequestAuthentication'),
    ...policies(registry, 'Telemetry'),
    ...labelled(registry, 'Sidecar'),
    ...labelled(registry, 'ServiceEntry'),
  ];
}

function hasSelector({ selector }: Selecting): boolean {
  return Object.keys(selector).length > 0;
}

/** In the root namespace a selector reaches the whole mesh, but for PeerAuthentication, which has none there. */
function scopeOf({ object }: Selecting, { rootNamespace }: Registry): string | undefined {
  const { kind, metadata } = object;
  return metadata.namespace === rootNamespace && kind !== 'PeerAuthentication' ? undefined : metadata.namespace;
}

function checkSelection(selecting: Selecting, registry: Registry, report: Reporter): void {
  if (!hasSelector(selecting)) return;
  const { object, selector, field } = selecting;
  if (registry.selected(scopeOf(selecting, registry), selector).length > 0) return;
  const where = scopeOf(selecting, registry) === undefined ? 'the mesh' : `namespace ${object.metadata.namespace}`;
  const labels = Object.entries(selector).map(([name, value]) => `${name}=${value}`);
  report.warning(
    object,
    AnalysisCode.noMatchingWorkloads,
    field,
    `no workload of ${where} has the labels ${labels.join(', ')}; the object has no effect`,
  );
}

function checkExclusive(exclusive: Exclusive, registry: Registry, report: Reporter): void {
  const { kind } = exclusive;
  const all = (kind === 'Sidecar' ? labelled(registry, kind) : policies(registry, kind)).sort((a, b) =>
    byPrecedence(a.object, b.object),
  );
  const general = new Map<string, ConfigObject>();
  const owners = new Map<string, ConfigObject>();
  for (const selecting of all) {
    const { object } = selecting;
    const { namespace } = object.metadata;
    if (hasSelector(selecting)) {
      const shared = sharedWorkload(selecting, owners, registry);
      if (shared !== undefined) {
        report.error(
          object,
          exclusive.sameWorkload,
          selecting.field,
          `${shared.workload.title} has ${titleOf(shared.rival)} already, and only one ${kind} with a selector can apply to it`,
        );
      }
      continue;
    }
    const first = general.get(namespace);
    if (first === undefined) general.set(namespace, object);
    else
      report.error(
        object,
        exclusive.sameNamespace,
        '',
        `${titleOf(first)} is for the whole namespace already, and only one ${kind} without a selector can be`,
      );
  }
}

/** The first workload that another object of the kind has already; all that have none are the object's from now on. */
function sharedWorkload(
  selecting: Selecting,
  owners: Map<string, ConfigObject>,
  registry: Registry,
): { readonly workload: KnownWorkload; readonly rival: ConfigObject } | undefined {
  let shared: { readonly workload: KnownWorkload; readonly rival: ConfigObject } | undefined;
  for (const workload of registry.selected(scopeOf(selecting, registry), selecting.selector)) {
    const key = `${selecting.object.metadata.namespace}\n${workload.title}`;
    const rival = owners.get(key);
    if (rival === undefined) owners.set(key, selecting.object);
    else shared ??= { workload, rival };
  }
  return shared;
}

function checkProviders(registry: Registry, report: Reporter): void {
  const providers = new Map((registry.mesh.extensionProviders ?? []).map((provider) => [provider.name, provider]));
  for (const object of registry.all('Telemetry')) {
    for (const part of ['accessLogging', 'tracing', 'metrics'] as const) {
      for (const [i, entry] of (object.spec[part] ?? []).entries()) {
        for (const [j, { name }] of (entry.providers ?? []).entries()) {
          const wrong = wrongProvider(name, part, providers, registry);
          if (wrong === undefined) continue;
          report.warning(
            object,
            AnalysisCode.unknownTelemetryProvider,
            `spec.${part}[${i}].providers[${j}].name`,
            `${wrong}; nothing is reported to it`,
          );
        }
      }
    }
  }
}

const BUILT_IN: ReadonlySet<string> = new Set(['envoy', 'prometheus']);

/** Of which type a provider of each part is. */
const TYPES = {
  accessLogging: ['envoyFileAccessLog', 'envoyOtelAls'],
  tracing: ['zipkin', 'opentelemetry'],
  metrics: ['prometheus'],
} as const satisfies Readonly<Record<string, readonly (keyof ExtensionProvider)[]>>;

function wrongProvider(
  name: string,
  part: keyof typeof TYPES,
  providers: ReadonlyMap<string, ExtensionProvider>,
  registry: Registry,
): string | undefined {
  const provider = providers.get(name);
  if (provider === undefined) {
    return BUILT_IN.has(name) ? undefined : `MeshConfig has no extension provider "${name}"`;
  }
  if (TYPES[part].every((type) => provider[type] === undefined)) {
    return `extension provider "${name}" is no ${TYPES[part].join(' or ')}, which ${part} here needs`;
  }
  const reached = provider.zipkin ?? provider.opentelemetry ?? provider.envoyOtelAls;
  if (reached === undefined) return undefined;
  const host = reached.service.slice(reached.service.indexOf('/') + 1);
  const known = registry.service(host);
  if (known === undefined) return `the service "${host}" of extension provider "${name}" is not known`;
  if (known.ports.includes(reached.port)) return undefined;
  return `the service "${host}" of extension provider "${name}" has no port ${reached.port}`;
}
