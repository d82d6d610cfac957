import type { EndpointSliceSpec } from '../api/kinds/core.js';
import type { ConfigObject } from '../api/object.js';
import { push } from '../lists.js';
import { type Difference, SortedMap } from '../sorted-map.js';

export type Slice = ConfigObject<EndpointSliceSpec>;

const SERVICE_LABEL = 'kubernetes.io/service-name';

/** Slices by the service that they are for, and services by whom their slices name; immutable. Services go by `namespace/name`. */
export class SliceIndex {
  private constructor(
    private readonly byService: SortedMap<string, readonly Slice[]>,
    /** One entry for each slice. */
    private readonly byPlace: SortedMap<string, readonly string[]>,
  ) {}

  static of(slices: readonly Slice[]): SliceIndex {
    const byService = new Map<string, Slice[]>();
    const byPlace = new Map<string, string[]>();
    for (const slice of slices) {
      const service = serviceOf(slice);
      if (service === undefined) continue;
      push(byService, service, slice);
      for (const place of placesIn(slice)) push(byPlace, place, service);
    }
    return new SliceIndex(SortedMap.from(byService), SortedMap.from(byPlace));
  }

  with(changes: readonly Difference<string, Slice>[]): SliceIndex {
    let { byService, byPlace } = this;
    for (const { before, after } of changes) {
      const [was, is] = [before && serviceOf(before), after && serviceOf(after)];
      for (const service of new Set([was, is])) {
        if (service === undefined) continue;
        const others = (byService.get(service) ?? []).filter((slice) => slice !== before);
        const slices = service === is && after !== undefined ? sorted([...others, after]) : others;
        byService = byService.changed(service, slices.length === 0 ? undefined : slices);
      }
      const [left, taken] = [placesOf(before), placesOf(after)];
      if (was !== undefined) {
        for (const place of left) if (was !== is || !taken.has(place)) byPlace = less(byPlace, place, was);
      }
      if (is !== undefined) {
        for (const place of taken) if (was !== is || !left.has(place)) byPlace = more(byPlace, place, is);
      }
    }
    return new SliceIndex(byService, byPlace);
  }

  /** In the order of their names; undefined when there are none. */
  of(service: string): readonly Slice[] | undefined {
    return this.byService.get(service);
  }

  /** Services whose slices name a pod (`namespace/name`), or, where they name none, an address. */
  naming(place: string): readonly string[] {
    return this.byPlace.get(place) ?? [];
  }
}

/** Undefined for one that is for no service. */
export function serviceOf({ metadata }: Slice): string | undefined {
  const name = metadata.labels[SERVICE_LABEL];
  return name === undefined ? undefined : `${metadata.namespace}/${name}`;
}

function placesOf(slice: Slice | undefined): ReadonlySet<string> {
  return slice === undefined ? new Set() : placesIn(slice);
}

/** A name has a slash, an address none. */
function placesIn({ metadata, spec }: Slice): ReadonlySet<string> {
  const places = new Set<string>();
  for (const { targetRef, addresses } of spec.endpoints ?? []) {
    if (targetRef?.kind === 'Pod') places.add(`${targetRef.namespace ?? metadata.namespace}/${targetRef.name ?? ''}`);
    else for (const address of addresses) places.add(address);
  }
  return places;
}

function sorted(slices: Slice[]): Slice[] {
  return slices.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

type Places = SortedMap<string, readonly string[]>;

function more(places: Places, place: string, service: string): Places {
  return places.with(place, [...(places.get(place) ?? []), service]);
}

function less(places: Places, place: string, service: string): Places {
  const services = (places.get(place) ?? []).slice();
  const at = services.indexOf(service);
  if (at >= 0) services.splice(at, 1);
  return places.changed(place, services.length === 0 ? undefined : services);
}
