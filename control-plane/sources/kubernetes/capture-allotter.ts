import type { PodSpec } from '../../api/kinds/core.js';
import { objectsOfKind } from '../../api/kinds/index.js';
import type { ConfigObject } from '../../api/object.js';
import type { Allotter } from '../../mesh.js';
import type { Allotments, CapturingSidecar, Interception } from '../../model/allotment.js';
import { GROUP_ANNOTATION } from '../../model/registered-entry.js';
import type { ConfigSet } from '../source.js';

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
  update(set: ConfigSet): Promise<Allotments> {
    return Promise.resolve(capturedPods(set));
  }

  /** The ports of a captured sidecar are always the same; nobody else has them in its pod. */
  reallot(): Promise<Allotments> {
    return Promise.reject(new Error('a captured sidecar has no ports of its own'));
  }
}

export function capturedPods(set: ConfigSet): Allotments {
  const allotments = new Map<string, CapturingSidecar>();
  for (const pod of objectsOfKind(set.objects, 'Pod')) {
    if (!isInjected(pod)) continue;
    allotments.set(`${pod.metadata.namespace}/${pod.metadata.name}`, sidecarOf(pod));
  }
  for (const entry of objectsOfKind(set.objects, 'WorkloadEntry')) {
    if (entry.metadata.annotations[GROUP_ANNOTATION] === undefined) continue;
    allotments.set(`${entry.metadata.namespace}/${entry.metadata.name}`, sidecarOf(entry));
  }
  return allotments;
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

function isInjected({ metadata, spec }: ConfigObject<PodSpec>): boolean {
  // Its packets are the node's.
  if (spec.hostNetwork === true) return false;
  if (metadata.annotations[GATEWAY_TEMPLATES]?.split(',').some((name) => name.trim() === 'gateway') === true)
    return false;
  if (metadata.annotations[STATUS] !== undefined) return true;
  // Who refuses injection and brings the proxy himself runs a gateway.
  if ((metadata.labels[INJECT] ?? metadata.annotations[INJECT]) === 'false') return false;
  return [...(spec.containers ?? []), ...(spec.initContainers ?? [])].some(({ name }) => name === CONTAINER);
}
