import type { AppliedObject, DescribedFinding, Description, Fact } from '../../common/observe/describe.js';
import { serviceId, workloadId } from '../../common/observe/ids.js';
import type { WorkloadState } from '../../common/observe/workload.js';
import { objectTitle } from '../api/finding.js';
import type { VirtualServiceSpec } from '../api/kinds/virtual-service.js';
import { selectorMatches } from '../api/labels.js';
import type { ConfigObject, Finding } from '../api/object.js';
import { hostCovers } from '../model/hosts.js';
import type { Service, Workload } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { isVisible } from '../model/visibility.js';
import type { ConfigSet } from '../sources/source.js';
import { effectsOf, labelText } from './effects.js';
import { routesTo } from './routed-to.js';

export interface DescribeSubject {
  readonly snapshot: MeshSnapshot;
  readonly configuration: ConfigSet;
  readonly findings: readonly Finding[];
  readonly states: readonly WorkloadState[];
  readonly notes: readonly string[];
}

/** Describes a node of the graph; undefined when there is no such workload or service. */
export function describeNode(subject: DescribeSubject, id: string): Description | undefined {
  const { snapshot } = subject;
  const service = snapshot.services.find(({ host }) => serviceId(host) === id);
  if (service !== undefined) return describeService(subject, service);
  const workloads = [...snapshot.workloads.values()].filter(
    ({ namespace, workloadName }) => workloadId(namespace, workloadName) === id,
  );
  const [first] = workloads;
  return first === undefined ? undefined : describeWorkload(subject, id, first);
}

function describeService(subject: DescribeSubject, service: Service): Description {
  const { host, name, namespace, ports, resolution, external, endpoints, exportTo } = service;
  const objects = serviceObjects(subject, service);
  const healthy = endpoints.filter(({ health }) => health === 'healthy').length;
  const workloads = [...new Set(endpoints.map(({ workload }) => `${workload.workloadName}.${workload.namespace}`))];
  const modes = new Set(endpoints.map(({ workload }) => subject.snapshot.peerAuthentications.workloadMode(workload)));
  return {
    node: serviceId(host),
    kind: 'service',
    name,
    namespace,
    facts: facts([
      ['host', host],
      ['defined by', service.object],
      ['ports', ports.map((port) => `${port.number} ${port.name || '(no name)'} ${port.protocol}`).join(', ')],
      ['resolution', `${resolution}${external ? ', outside of the mesh' : ''}`],
      ['visible to', [...exportTo].join(', ')],
      ['endpoints', `${healthy} of ${endpoints.length} healthy: ${workloads.join(', ') || 'none'}`],
      ['mTLS', [...modes].join(', ')],
    ]),
    objects,
    findings: findingsOf(subject, objects, [service.object]),
    notes: subject.notes,
  };
}

function describeWorkload(subject: DescribeSubject, node: string, workload: Workload): Description {
  const { snapshot, states } = subject;
  const { namespace, workloadName: name, labels, serviceAccount } = workload;
  const instances = states.filter((state) => state.node === node);
  const served = snapshot.servicesOf.get(`${workload.namespace}/${workload.name}`) ?? [];
  const own = workloadObjects(subject, workload);
  const objects = distinct([...own, ...served.flatMap(({ service }) => serviceObjects(subject, service))]);
  const mode = snapshot.peerAuthentications.workloadMode(workload);
  const ports = snapshot.peerAuthentications.ports(workload);
  return {
    node,
    kind: 'workload',
    name,
    namespace,
    facts: facts([
      ['labels', labelText(labels)],
      ['service account', serviceAccount],
      ['services', served.map(({ service }) => service.host).join(', ') || 'none'],
      ['instances', instances.map(instanceText).join('; ')],
      [
        'mTLS',
        [mode, ...ports.map((port) => `${snapshot.peerAuthentications.mode(workload, port)} on ${port}`)].join(', '),
      ],
      ['authorization', authorizationText(snapshot, workload)],
    ]),
    objects,
    findings: findingsOf(
      subject,
      objects,
      served.map(({ service }) => service.object),
    ),
    notes: subject.notes,
  };
}

function facts(all: readonly (readonly [name: string, value: string])[]): Fact[] {
  return all.map(([name, value]) => ({ name, value }));
}

function instanceText({ name, meshed, proxy }: WorkloadState): string {
  if (!meshed) return `${name} (no sidecar)`;
  if (proxy === undefined) return `${name} (its sidecar is not connected)`;
  const open = Object.entries(proxy.sync).filter(([, sync]) => sync === 'STALE' || sync === 'NACKED');
  const sync = open.length === 0 ? 'in sync' : open.map(([type, state]) => `${type} ${state}`).join(', ');
  return `${name} (${proxy.dataPlane}${proxy.version === '' ? '' : ` ${proxy.version}`}, ${sync})`;
}

function authorizationText({ authorizationPolicies }: MeshSnapshot, workload: Workload): string {
  const all = authorizationPolicies.of(workload).filter(({ dryRun }) => !dryRun);
  if (all.length === 0) return 'everybody may call it: no AuthorizationPolicy selects it';
  const allows = all.filter(({ action }) => action === 'ALLOW').length;
  const denies = all.filter(({ action }) => action === 'DENY').length;
  const rest = allows === 0 ? 'who is not denied may call it' : 'only who is allowed may call it';
  return `${denies} that deny, ${allows} that allow: ${rest}`;
}

/** Kinds that select workloads by labels, or apply to all of a namespace, or, in the root namespace, to the mesh. */
const SELECTING: ReadonlySet<string> = new Set([
  'PeerAuthentication',
  'AuthorizationPolicy',
  'RequestAuthentication',
  'Telemetry',
  'Sidecar',
  'EnvoyFilter',
  'ProxyConfig',
  'WasmPlugin',
  'Gateway',
]);

interface SelectingSpec {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> } & Readonly<Record<string, unknown>>;
  readonly workloadSelector?: { readonly labels?: Readonly<Record<string, string>> };
}

function workloadObjects({ configuration, snapshot }: DescribeSubject, workload: Workload): AppliedObject[] {
  return [...configuration.objects.values()].flatMap((object) => {
    const why = SELECTING.has(object.kind) ? whySelected(object, workload, snapshot.settings.rootNamespace) : undefined;
    return why === undefined ? [] : [applied(object, why)];
  });
}

function whySelected({ kind, metadata, spec }: ConfigObject, workload: Workload, root: string): string | undefined {
  const { namespace } = metadata;
  const { selector, workloadSelector } = spec as SelectingSpec;
  // A Gateway has its labels in place; without any it stands at every gateway.
  const labels =
    kind === 'Gateway'
      ? (selector as Readonly<Record<string, string>> | undefined)
      : (selector?.matchLabels ?? workloadSelector?.labels);
  if (kind === 'Gateway' && (labels === undefined || !selectorMatches(labels, workload.labels))) return undefined;
  if (kind !== 'Gateway' && namespace !== workload.namespace && namespace !== root) return undefined;
  if (!selectorMatches(labels, workload.labels)) return undefined;
  if (labels !== undefined && Object.keys(labels).length > 0) return `selects ${labelText(labels)}`;
  return namespace === root && namespace !== workload.namespace ? 'the whole mesh' : `all of namespace ${namespace}`;
}

/** What clients in the service's own namespace follow. */
function serviceObjects({ configuration, snapshot }: DescribeSubject, service: Service): AppliedObject[] {
  const { host, namespace } = service;
  const routes = snapshot.virtualServices.all
    .filter((vs) => isVisible(vs.exportTo, namespace) && vs.hosts.some((pattern) => hostCovers(pattern, host)))
    .map(({ object, hosts }) => applied(object, `hosts ${hosts.join(', ')}`));
  const routedFrom = [...configuration.objects.values()]
    .filter((object): object is ConfigObject<VirtualServiceSpec> => object.kind === 'VirtualService')
    .filter((object) => routesTo(object, host))
    .map((object) =>
      applied(object, `sends here what is for ${(object.spec.hosts ?? []).join(', ') || 'its parents'}`),
    );
  const rule = snapshot.destinationRules.find(service, { namespace, labels: {} });
  // Several rules of one host are joined to one, which has the name of the first.
  const rules = [...configuration.objects.values()].filter(
    ({ kind, metadata, spec }) =>
      kind === 'DestinationRule' &&
      metadata.namespace === rule?.namespace &&
      (metadata.name === rule.name || (spec as { readonly host?: string }).host === rule.host),
  );
  return distinct([...routedFrom, ...routes, ...rules.map((object) => applied(object, `host ${rule?.host ?? host}`))]);
}

function applied(object: ConfigObject, why: string): AppliedObject {
  const { kind, metadata, origin } = object;
  return {
    kind,
    namespace: metadata.namespace,
    name: metadata.name,
    ...(origin !== undefined && { file: origin.file, line: origin.line }),
    why,
    effects: effectsOf(object),
  };
}

function titleOf({ kind, namespace, name }: AppliedObject): string {
  return objectTitle(kind, namespace, name);
}

function distinct(objects: readonly AppliedObject[]): AppliedObject[] {
  return [...new Map(objects.map((object) => [titleOf(object), object])).values()];
}

function findingsOf(
  { findings }: DescribeSubject,
  objects: readonly AppliedObject[],
  more: readonly string[],
): DescribedFinding[] {
  const titles = new Set([...objects.map(titleOf), ...more]);
  return findings.flatMap(({ code, level, object, file, line, message }) =>
    titles.has(object)
      ? [{ code, level, object, ...(file !== undefined && { file }), ...(line !== undefined && { line }), message }]
      : [],
  );
}
