import type { PodSpec } from '../../api/kinds/core.js';
import type { WorkloadEntrySpec } from '../../api/kinds/workload-entry.js';
import { type ConfigObject, objectKey } from '../../api/object.js';
import type { Allotter } from '../../mesh.js';
import type { Allotments, CapturingSidecar, Interception } from '../../model/allotment.js';
import { KindLists } from '../../model/kind-lists.js';
import { GROUP_ANNOTATION } from '../../model/registered-entry.js';
import { SortedMap } from '../../sorted-map.js';
import type { ConfigSet } from '../source.js';

type Pod = ConfigObject<PodSpec>;

const CONTAINER = 'istio-proxy';
/** Written by the injector. */
const STATUS = 'sidecar.istio.io/status';
const INJECT = 'sidecar.istio.io/inject';
const INTERCEPTION = 'sidecar.istio.io/interceptionMode';
/** Of the templates that make gateways: what they have is a proxy, but nothing that captures for an application. */
const GATEWAY_TEMPLATES = 'inject.istio.io/templates';

const INCLUDED = 'traffic.sidecar.istio.io/includeInboundPorts';
const EXCLUDED = 'traffic.sidecar.istio.io/excludeInboundPorts';
const STATUS_PORT = 'status.sidecar.istio.io/port';
const INTERCEPTIONS: readonly Interception[] = ['REDIRECT', 'TPROXY', 'NONE'];
/** The proxy's side ports, which nothing leads back to it. */
const OWN_PORTS = '15021,15090';
const DEFAULT_STATUS_PORT = '15020';

/** Which pods have a sidecar: those that were injected; and machines that joined with one. There are no ports to be given out. */
export class CaptureAllotter implements Allotter {
  readonly captures = true;
  private last: Captured | undefined;

  update(set: ConfigSet): Promise<Allotments> {
    this.last = captured(set, this.last);
    return Promise.resolve(this.last.allotments);
  }

  /** The ports of a captured sidecar are always the same; nobody else has them in its pod. */
  reallot(): Promise<Allotments> {
    return Promise.reject(new Error('a captured sidecar has no ports of its own'));
  }
}

interface Captured {
  readonly lists: KindLists;
  readonly allotments: SortedMap<string, CapturingSidecar>;
}

export function capturedPods(set: ConfigSet): Allotments {
  return captured(set, undefined).allotments;
}

/** Looks only at what has changed since the set before. */
function captured(set: ConfigSet, before: Captured | undefined): Captured {
  const lists = new KindLists(set.objects, before?.lists);
  if (before === undefined) {
    const objects = [...lists.of('Pod'), ...lists.of('WorkloadEntry')];
    return { lists, allotments: SortedMap.from(objects.flatMap((object) => allotted(object))) };
  }
  let { allotments } = before;
  for (const { before: was, after: is } of lists.since(before.lists, 'Pod')) {
    allotments = renewed(allotments, lists, was ?? is);
  }
  for (const { before: was, after: is } of lists.since(before.lists, 'WorkloadEntry')) {
    allotments = renewed(allotments, lists, was ?? is);
  }
  return { lists, allotments };
}

function renewed(
  allotments: Captured['allotments'],
  lists: KindLists,
  changed: ConfigObject | undefined,
): Captured['allotments'] {
  if (changed === undefined) return allotments;
  const { namespace, name } = changed.metadata;
  const pod = lists.sorted('Pod').get(objectKey('Pod', namespace, name));
  const entry = lists.sorted('WorkloadEntry').get(objectKey('WorkloadEntry', namespace, name));
  const [, sidecar] = [pod, entry].flatMap((object) => (object === undefined ? [] : allotted(object))).at(-1) ?? [];
  return allotments.changed(`${namespace}/${name}`, sidecar);
}

function allotted(object: Pod | ConfigObject<WorkloadEntrySpec>): (readonly [string, CapturingSidecar])[] {
  const has = isPod(object) ? isInjected(object) : object.metadata.annotations[GROUP_ANNOTATION] !== undefined;
  return has ? [[`${object.metadata.namespace}/${object.metadata.name}`, sidecarOf(object)]] : [];
}

function isPod(object: ConfigObject): object is Pod {
  return object.kind === 'Pod';
}

/** What did not change is the same object in the next set. */
const made = new WeakMap<ConfigObject, CapturingSidecar>();

function sidecarOf(pod: ConfigObject): CapturingSidecar {
  const known = made.get(pod);
  if (known !== undefined) return known;
  const { annotations } = pod.metadata;
  const included = annotations[INCLUDED];
  const sidecar: CapturingSidecar = {
    kind: 'capture',
    interception: INTERCEPTIONS.find((mode) => mode === annotations[INTERCEPTION]) ?? 'REDIRECT',
    ...(included === undefined || included.trim() === '*' ? {} : { included: portsOf(included) }),
    excluded: portsOf(`${annotations[EXCLUDED] ?? ''},${annotations[STATUS_PORT] ?? DEFAULT_STATUS_PORT},${OWN_PORTS}`),
  };
  made.set(pod, sidecar);
  return sidecar;
}

function portsOf(list: string): ReadonlySet<number> {
  return new Set(
    list
      .split(',')
      .map((port) => Number(port.trim()))
      .filter((port) => port > 0),
  );
}

function isInjected({ metadata, spec }: Pod): boolean {
  // Its packets are the node's.
  if (spec.hostNetwork === true) return false;
  if (metadata.annotations[GATEWAY_TEMPLATES]?.split(',').some((name) => name.trim() === 'gateway') === true)
    return false;
  if (metadata.annotations[STATUS] !== undefined) return true;
  // Who refuses injection and brings the proxy himself runs a gateway.
  if ((metadata.labels[INJECT] ?? metadata.annotations[INJECT]) === 'false') return false;
  return [...(spec.containers ?? []), ...(spec.initContainers ?? [])].some(({ name }) => name === CONTAINER);
}
