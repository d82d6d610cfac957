import type { ApiServer } from './api-server.js';
import {
  COLLECTION,
  type MeshSize,
  namespace,
  namespaceOf,
  nodes,
  ownNamespaceOnly,
  type PodPlace,
  pod,
  podName,
  service,
  serviceName,
  slice,
  virtualService,
} from './objects.js';

/** The objects of a mesh in an API server, and what happens to them. */
export class BenchMesh {
  readonly #places: PodPlace[][];
  #turn = 0;
  #seconds = 1;

  constructor(
    private readonly api: ApiServer,
    readonly size: MeshSize,
    /** Namespaces whose sidecars know their own namespace only. */
    narrow: readonly string[] = [],
  ) {
    api.put(COLLECTION.namespaces, namespace('istio-system'));
    for (let i = 0; i < size.namespaces; i++) api.put(COLLECTION.namespaces, namespace(`team-${i}`));
    for (const node of nodes()) api.put(COLLECTION.nodes, node);
    for (const name of narrow) api.put(COLLECTION.sidecars, ownNamespaceOnly(name));
    this.#places = Array.from({ length: size.services }, (_, i) =>
      Array.from({ length: size.podsPerService }, (__, index) => ({ service: i, index, generation: 0 })),
    );
    for (const [i, places] of this.#places.entries()) {
      api.put(COLLECTION.services, service(size, i));
      for (const place of places) api.put(COLLECTION.pods, pod(size, place));
      api.put(COLLECTION.slices, slice(size, i, places));
    }
  }

  /** Every pod, service after service. */
  get pods(): readonly PodPlace[] {
    return this.#places.flat();
  }

  namespaceOf(index: number): string {
    return namespaceOf(this.size, index);
  }

  /**
   * One pod of the next service in turn is replaced, as a Deployment does it, less its waiting: the old one leaves the slice
   * and is gone, the new one comes, starts, and is in the slice.
   */
  replacePod(index = this.#next()): { readonly gone: PodPlace; readonly come: PodPlace } {
    const { api, size } = this;
    const places = this.#places[index] ?? [];
    const [old, ...others] = places;
    if (old === undefined) throw new Error('a service without pods');
    const next = { ...old, generation: old.generation + 1 };
    api.put(COLLECTION.pods, pod(size, next, false));
    api.put(COLLECTION.pods, pod(size, next));
    api.put(COLLECTION.slices, slice(size, index, [next, ...others]));
    api.delete(COLLECTION.pods, namespaceOf(size, index), podName(old));
    this.#places[index] = [next, ...others];
    return { gone: old, come: next };
  }

  /** Only what the endpoints of one service are changes: its slice has one more of them, or one less. */
  toggleEndpoint(index: number, off: boolean): void {
    const places = this.#places[index] ?? [];
    this.api.put(COLLECTION.slices, slice(this.size, index, off ? places.slice(1) : places));
  }

  /** A VirtualService with another timeout. */
  changeRoute(index: number, exportTo: '.' | '*'): number {
    this.api.put(COLLECTION.virtualServices, virtualService(this.size, index, exportTo, ++this.#seconds));
    return this.#seconds;
  }

  hostOf(index: number): string {
    return `${serviceName(index)}.${this.namespaceOf(index)}.svc.cluster.local`;
  }

  #next(): number {
    // A prime, so that turns go through all namespaces.
    this.#turn = (this.#turn + 37) % this.size.services;
    return this.#turn;
  }
}
