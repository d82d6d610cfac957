import { isDeepStrictEqual } from 'node:util';
import type { CapturingSidecar } from '../model/allotment.js';
import type { Workload } from '../model/service.js';
import type { ServedService } from '../model/snapshot.js';
import { workloadKey } from '../model/workloads.js';
import type { ProxyContext } from './context.js';
import type { InboundResources } from './inbound-listeners.js';
import { virtualResources } from './virtual-listeners.js';

interface Made {
  /** The part of the shape that it was made from. */
  readonly shape: object;
  readonly node: unknown;
  readonly served: readonly unknown[];
  readonly resources: InboundResources;
}

const known = new WeakMap<Workload, Made>();

/**
 * What only this captured proxy has. While nothing about it changes it gets the very same messages, which need not be
 * encoded again when endpoints change elsewhere in the mesh.
 */
export function ownResources(context: ProxyContext, workload: Workload, sidecar: CapturingSidecar): InboundResources {
  const { snapshot, node, client } = context;
  const asked = [node, client, context.sidecar?.object];
  // Where a Sidecar narrows what the proxy knows, routes add their destinations to it.
  const narrow = (context.sidecar?.spec.egress ?? []).length > 0;
  const shape = narrow ? snapshot.shape : snapshot.shape.apartFromRoutes;
  const served = (snapshot.servicesOf.get(workloadKey(workload)) ?? []).map(servedFacts);
  const before = known.get(workload);
  if (before?.shape === shape && isDeepStrictEqual(before.node, asked) && isDeepStrictEqual(before.served, served)) {
    return before.resources;
  }
  const resources = virtualResources(context, workload, sidecar);
  known.set(workload, { shape, node: asked, served, resources });
  return resources;
}

/** Within one shape a service differs in nothing but its endpoints. */
function servedFacts({ service, endpoint }: ServedService): unknown {
  const { health, ports, hostname } = endpoint;
  return [service.object, service.host, health, ports, hostname];
}
