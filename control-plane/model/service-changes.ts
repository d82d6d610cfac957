import { serviceHost } from '../api/hosts.js';
import type { ServiceSpec } from '../api/kinds/core.js';
import type { ServiceEntrySpec } from '../api/kinds/service-entry.js';
import { selectorMatches } from '../api/labels.js';
import type { ConfigObject } from '../api/object.js';
import { firstNot, push } from '../lists.js';
import type { Difference } from '../sorted-map.js';
import { isSameService } from './continuity.js';
import { aliasedHost, aliasOf, coreService, type Surroundings } from './core-services.js';
import type { Service, Workload } from './service.js';
import { entryServices, type ServiceObjects } from './services.js';
import { type Slice, type SliceIndex, serviceOf } from './slice-index.js';
import { addressesOf, pairKey, pairsOf } from './workload-index.js';

type CoreService = ConfigObject<ServiceSpec>;
type Entry = ConfigObject<ServiceEntrySpec>;

/** A service that is served elsewhere than before, by its place in the snapshot's order. */
export interface ServiceChange {
  readonly at: number;
  readonly before: Service;
  readonly after: Service;
}

export interface EndpointChanges {
  readonly slices: readonly Difference<string, Slice>[];
  readonly workloads: readonly Difference<string, Workload>[];
}

/** What services are made of besides endpoints, by what endpoints concern them. */
export class ServiceFrame {
  private readonly core = new Map<string, CoreService>();
  /** By a label pair of their selectors; entries that select all of a namespace by its name. */
  private readonly selecting = new Map<string, (CoreService | Entry)[]>();
  /** Other names for a host. */
  private readonly aliases = new Map<string, CoreService[]>();

  constructor(objects: ServiceObjects) {
    for (const object of objects.core) {
      const { namespace, name } = object.metadata;
      const alias = aliasedHost(object);
      // It has no endpoints of its own.
      if (alias !== undefined) {
        push(this.aliases, alias, object);
        continue;
      }
      this.core.set(`${namespace}/${name}`, object);
      const [pair] = Object.entries(object.spec.selector ?? {});
      if (pair !== undefined) push(this.selecting, pairKey(namespace, ...pair), object);
    }
    for (const object of objects.entries) {
      if (object.spec.workloadSelector === undefined) continue;
      const { namespace } = object.metadata;
      const [pair] = Object.entries(object.spec.workloadSelector.labels ?? {});
      push(this.selecting, pair === undefined ? namespace : pairKey(namespace, ...pair), object);
    }
  }

  /**
   * The services that differ after changes of slices and workloads, made anew; `slices` is the index with these changes. Undefined
   * where it cannot be told which of the services before is which.
   */
  changed(
    services: readonly Service[],
    changes: EndpointChanges,
    slices: SliceIndex,
    around: Surroundings,
  ): ServiceChange[] | undefined {
    const made: Service[] = [];
    for (const object of this.concerned(changes, slices)) {
      if (isEntry(object)) made.push(...entryServices(object, around));
      else made.push(...this.coreServices(object, around));
    }
    const found: ServiceChange[] = [];
    for (const service of made) {
      const at = placeOf(services, service);
      const before = at === undefined ? undefined : services[at];
      if (at === undefined || before === undefined) return undefined;
      const after = { ...service, automaticAddresses: before.automaticAddresses };
      if (!isSameService(after, before)) found.push({ at, before, after });
    }
    return found;
  }

  /** With its other names. */
  private coreServices(object: CoreService, around: Surroundings): Service[] {
    const service = coreService(object, around);
    const { namespace, name } = object.metadata;
    const aliases = this.aliases.get(serviceHost(name, namespace)) ?? [];
    return [service, ...aliases.map((alias) => aliasOf(coreService(alias, around), service))];
  }

  private concerned({ slices: changed, workloads }: EndpointChanges, slices: SliceIndex): Set<CoreService | Entry> {
    const objects = new Set<CoreService | Entry>();
    const addCore = (key: string | undefined): void => {
      const object = this.core.get(key ?? '');
      if (object !== undefined) objects.add(object);
    };
    for (const { before, after } of changed) {
      for (const slice of [before, after]) if (slice !== undefined) addCore(serviceOf(slice));
    }
    for (const { key, before, after } of workloads) {
      for (const service of slices.naming(key)) addCore(service);
      for (const workload of [before, after]) {
        if (workload === undefined) continue;
        for (const address of addressesOf(workload)) for (const service of slices.naming(address)) addCore(service);
        for (const object of this.selectorsOf(workload)) objects.add(object);
      }
    }
    return objects;
  }

  private *selectorsOf(workload: Workload): Generator<CoreService | Entry> {
    for (const pair of [workload.namespace, ...pairsOf(workload)]) {
      for (const object of this.selecting.get(pair) ?? []) {
        const selector = isEntry(object) ? (object.spec.workloadSelector?.labels ?? {}) : object.spec.selector;
        if (selectorMatches(selector, workload.labels)) yield object;
      }
    }
  }
}

function isEntry(object: CoreService | Entry): object is Entry {
  return object.kind === 'ServiceEntry';
}

/** Where the service of the same host and object is; undefined where there is none, or more than one. */
function placeOf(services: readonly Service[], { host, object }: Service): number | undefined {
  let found: number | undefined;
  for (let at = firstNot(services, (other) => other.host < host); services[at]?.host === host; at++) {
    if (services[at]?.object !== object) continue;
    if (found !== undefined) return undefined;
    found = at;
  }
  return found;
}
