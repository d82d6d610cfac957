import type { PodSpec } from '../../api/kinds/core.js';
import { objectsOfKind } from '../../api/kinds/index.js';
import type { ConfigObject } from '../../api/object.js';
import type { Allotter } from '../../mesh.js';
import type { Allotments, CapturingSidecar, Interception } from '../../model/allotment.js';
import type { ConfigSet } from '../source.js';

const CONTAINER = 'istio-proxy';
/** Written by the injector. */
const STATUS = 'sidecar.istio.io/status';
const INJECT = 'sidecar.istio.io/inject';
const INTERCEPTION = 'sidecar.istio.io/interceptionMode';
/** Of the templates that make gateways: what they have is a proxy, but nothing that captures for an application. */
const GATEWAY_TEMPLATES = 'inject.istio.io/templates';

const SIDECARS: Readonly<Record<Interception, CapturingSidecar>> = {
  REDIRECT: { kind: 'capture', interception: 'REDIRECT' },
  TPROXY: { kind: 'capture', interception: 'TPROXY' },
  NONE: { kind: 'capture', interception: 'NONE' },
};

/** Which pods have a sidecar: those that were injected. There are no ports to be given out. */
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
    const { namespace, name, annotations } = pod.metadata;
    const mode = annotations[INTERCEPTION] ?? 'REDIRECT';
    allotments.set(`${namespace}/${name}`, SIDECARS[mode as Interception] ?? SIDECARS.REDIRECT);
  }
  return allotments;
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
