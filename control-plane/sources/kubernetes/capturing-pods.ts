import type { PodSpec } from '../../api/kinds/core.js';
import type { ConfigObject } from '../../api/object.js';
import type { Allotter } from '../../mesh.js';
import type { Allotments, Interception, Sidecar } from '../../model/allotment.js';
import type { ConfigSet } from '../source.js';

/** Container of the sidecar, as Istio's injector names it and ours does. */
export const SIDECAR_CONTAINER = 'istio-proxy';
/** Set by the injector on pods that speak the mesh's TLS, and by users on what runs outside with a sidecar. */
const TLS_MODE = 'security.istio.io/tlsMode';
const INTERCEPTION = 'sidecar.istio.io/interceptionMode';

/** In a cluster sidecars need no ports of their own: pods that have one are captured, or call it where they are not. */
export class CapturingPods implements Allotter {
  private current: Allotments = new Map();

  update(set: ConfigSet): Promise<Allotments> {
    const next = new Map<string, Sidecar>();
    for (const object of set.objects.values()) {
      const sidecar = sidecarOf(object);
      if (sidecar === undefined) continue;
      const key = `${object.metadata.namespace}/${object.metadata.name}`;
      next.set(key, sameAs(this.current.get(key), sidecar));
    }
    this.current = next;
    return Promise.resolve(next);
  }

  /** There is nothing to allot: ports are fixed. */
  reallot(): Promise<Allotments> {
    return Promise.resolve(this.current);
  }
}

function sidecarOf({ kind, metadata, spec }: ConfigObject): Sidecar | undefined {
  const declared = metadata.labels[TLS_MODE] === 'istio';
  if (kind === 'WorkloadEntry') return declared ? { kind: 'capture', interception: 'REDIRECT' } : undefined;
  if (kind !== 'Pod') return undefined;
  const { containers = [], initContainers = [] } = spec as PodSpec;
  const present = [...containers, ...initContainers].some(({ name }) => name === SIDECAR_CONTAINER);
  if (!present && !declared) return undefined;
  return { kind: 'capture', interception: interceptionOf(metadata.annotations[INTERCEPTION]) };
}

function interceptionOf(annotation: string | undefined): Interception {
  return annotation === 'TPROXY' || annotation === 'NONE' ? annotation : 'REDIRECT';
}

/** The same object where nothing changed, so that what is derived from it can be kept. */
function sameAs(before: Sidecar | undefined, now: Sidecar): Sidecar {
  const same = before?.kind === 'capture' && now.kind === 'capture' && before.interception === now.interception;
  return same ? before : now;
}
