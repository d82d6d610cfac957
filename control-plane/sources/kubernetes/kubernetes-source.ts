import { type Clock, type Random, systemClock } from '../../../common/runtime/clock.js';
import type { Logger } from '../../../common/runtime/log.js';
import { Code } from '../../api/codes.js';
import { ROOT_NAMESPACE } from '../../api/kinds/index.js';
import { type ConfigObject, type Finding, type ObjectKey, objectKey } from '../../api/object.js';
import { ObjectsByKind, type SortedObjects } from '../../api/objects-by-kind.js';
import type { KubernetesApi } from '../../kubernetes/api.js';
import {
  Reflector,
  type ReflectorLimits,
  type ReflectorState,
  type ReflectorTarget,
} from '../../kubernetes/reflector.js';
import { type Resource, resourceName } from '../../kubernetes/resource.js';
import { areSame } from '../../model/continuity.js';
import { SortedMap } from '../../sorted-map.js';
import { Debounce } from '../debounce.js';
import { isPolicyKind } from '../last-good.js';
import type { ConfigSet, Source } from '../source.js';
import { definitionsResource } from './definitions.js';
import { ObjectStore } from './object-store.js';
import { secretResource, watchedResources } from './resources.js';
import { SecretReferences } from './secret-references.js';

export interface KubernetesOptions {
  readonly api: KubernetesApi;
  /** Where the mesh's ConfigMap is; istio-system when undefined. */
  readonly rootNamespace?: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly limits?: Partial<ReflectorLimits>;
}

const QUIET_MS = 50;
const MAX_WAIT_MS = 300;

/** A resource that is watched: what it holds, and who keeps it so. */
interface Watched {
  readonly store: ObjectStore;
  readonly reflector: Reflector;
}

/**
 * Configuration from a Kubernetes cluster: every kind of the mesh, the services and pods, and the Secrets that these refer
 * to. Objects stay the same objects from set to set, and their kinds in order, so that a change of one
 * costs about as much in a large cluster as in a small one.
 */
export class KubernetesSource implements Source {
  readonly #options: KubernetesOptions;
  readonly #rootNamespace: string;
  readonly #clock: Clock;
  readonly #watched: readonly Watched[];
  readonly #secrets = new Map<string, Watched>();
  readonly #definitions: Reflector;
  readonly #debounce: Debounce;
  #onChange: ((set: ConfigSet, debouncedMs: number) => void) | undefined;
  #onFirst: (() => void) | undefined;
  #delivered = false;
  readonly #references = new SecretReferences();
  /** Of the last set: kinds that several watch. */
  readonly #shared = new Map<string, SortedObjects>();
  #told: ({ readonly about: readonly unknown[] } & Pick<ConfigSet, 'findings' | 'unreadablePolicies'>) | undefined;

  constructor(options: KubernetesOptions) {
    this.#options = options;
    this.#rootNamespace = options.rootNamespace ?? ROOT_NAMESPACE;
    this.#clock = options.clock ?? systemClock;
    this.#debounce = new Debounce(this.#clock, { quietMs: QUIET_MS, maxMs: MAX_WAIT_MS }, (waitedMs) =>
      this.#deliver(waitedMs),
    );
    this.#watched = watchedResources(this.#rootNamespace).map((resource) => this.#watch(resource));
    this.#definitions = this.#reflect(definitionsResource(), this.#definitionsTarget());
  }

  /** Resolves with the first set, in which every kind is complete: as long as the server does not answer, it waits. */
  start(onChange: (set: ConfigSet, debouncedMs: number) => void): Promise<void> {
    this.#onChange = onChange;
    const first = new Promise<void>((resolve) => {
      this.#onFirst = resolve;
    });
    for (const { reflector } of this.#watched) reflector.start();
    this.#definitions.start();
    return first;
  }

  async stop(): Promise<void> {
    this.#onChange = undefined;
    this.#debounce.cancel();
    const reflectors = [...this.#watched, ...this.#secrets.values()].map(({ reflector }) => reflector);
    await Promise.all([this.#definitions, ...reflectors].map((reflector) => reflector.stop()));
    this.#onFirst?.();
  }

  #watch(resource: Resource): Watched {
    const store = new ObjectStore(resource, {
      changed: () => this.#debounce.trigger(),
      state: (state) => this.#logState(resource, state),
    });
    return { store, reflector: this.#reflect(resource, store) };
  }

  #reflect(resource: Resource, target: ReflectorTarget): Reflector {
    const { api, random = Math.random, limits } = this.#options;
    return new Reflector({ api, resource, target, clock: this.#clock, random, ...(limits && { limits }) });
  }

  /** Definitions come and go: a kind that is missing is looked for again when its own does. */
  #definitionsTarget(): ReflectorTarget {
    const custom = new Map(
      this.#watched
        .filter(({ store }) => store.resource.custom)
        .map(({ store, reflector }) => [resourceName(store.resource), reflector]),
    );
    const wake = (definition: Readonly<Record<string, unknown>>): void => {
      const { name } = definition['metadata'] as { readonly name?: string };
      custom.get(name ?? '')?.wake();
    };
    return {
      replace: (definitions) => definitions.forEach(wake),
      upsert: wake,
      remove: wake,
      // Without them missing kinds are looked for every now and then.
      state: (state) => this.#logState(definitionsResource(), state),
    };
  }

  #logState(resource: Resource, state: ReflectorState): void {
    const { log } = this.#options;
    const what = resourceName(resource);
    if (state.kind === 'synced') log.debug({ resource: what }, 'up to date with the API server');
    else if (state.kind === 'missing') log.info({ resource: what }, 'is not defined in this cluster');
    else log.warn({ resource: what, reason: state.message }, 'cannot be read from the API server now');
  }

  #deliver(waitedMs: number): void {
    if (this.#onChange === undefined || !this.#watched.every(({ store }) => store.settled)) return;
    const kinds = this.#objectsOf(this.#watched);
    this.#watchSecrets(this.#references.of(new ObjectsByKind(kinds), this.#rootNamespace));
    const secrets = [...this.#secrets.values()];
    // Later a Secret that is new may come after its Gateway, but at the start none may seem to be gone.
    if (!this.#delivered && !secrets.every(({ store }) => store.settled)) return;
    const objects = new ObjectsByKind(new Map([...kinds, ...this.#objectsOf(secrets)]));
    this.#onChange(this.#setOf(objects, [...this.#watched, ...secrets]), waitedMs);
    this.#delivered = true;
    this.#onFirst?.();
    this.#onFirst = undefined;
  }

  /** What several watch of one kind is put together, and stays the same as long as it has the same objects. */
  #objectsOf(watched: readonly Watched[]): ReadonlyMap<string, SortedObjects> {
    const kinds = new Map<string, SortedObjects>();
    const shared = new Set<string>();
    for (const { store } of watched) {
      const { kind } = store.resource;
      const others = kinds.get(kind);
      if (others === undefined) kinds.set(kind, store.objects);
      else {
        shared.add(kind);
        kinds.set(kind, SortedMap.from([...others, ...store.objects]));
      }
    }
    for (const kind of shared) {
      const [before, after] = [this.#shared.get(kind), kinds.get(kind)];
      if (after === undefined) continue;
      if (before !== undefined && after.since(before).length === 0) kinds.set(kind, before);
      else this.#shared.set(kind, after);
    }
    return kinds;
  }

  #watchSecrets(wanted: ReadonlySet<string>): void {
    for (const [key, { reflector }] of this.#secrets) {
      if (wanted.has(key)) continue;
      this.#secrets.delete(key);
      // Never rejects; nothing of it is asked any more.
      void reflector.stop();
    }
    for (const key of wanted) {
      if (this.#secrets.has(key)) continue;
      const slash = key.indexOf('/');
      const watched = this.#watch(secretResource(key.slice(0, slash), key.slice(slash + 1)));
      this.#secrets.set(key, watched);
      watched.reflector.start();
    }
  }

  #setOf(objects: ReadonlyMap<ObjectKey, ConfigObject>, watched: readonly Watched[]): ConfigSet {
    const about = watched.flatMap(({ store }) => [store.told, store.forbidden, store.unreadable]);
    if (this.#told === undefined || !areSame(this.#told.about, about)) {
      this.#told = { about, ...this.#tell(objects, watched) };
    }
    const { findings, unreadablePolicies } = this.#told;
    return { objects, rootNamespace: this.#rootNamespace, findings, unreadablePolicies };
  }

  #tell(
    objects: ReadonlyMap<ObjectKey, ConfigObject>,
    watched: readonly Watched[],
  ): Pick<ConfigSet, 'findings' | 'unreadablePolicies'> {
    const findings: Finding[] = [];
    const unreadablePolicies: ConfigSet['unreadablePolicies'][number][] = [];
    for (const { store } of watched) {
      findings.push(...store.findings);
      for (const { kind, namespace, name, selector } of store.rejected) {
        if (!isPolicyKind(kind) || objects.has(objectKey(kind, namespace, name))) continue;
        unreadablePolicies.push({ kind, namespace, name, selector });
      }
      const { forbidden } = store;
      if (forbidden === undefined) continue;
      findings.push(forbiddenFinding(store, forbidden));
      const { kind } = store.resource;
      // Nobody knows what policies there are: that is as if one could not be read, everywhere.
      if (store.unreadable && isPolicyKind(kind)) {
        unreadablePolicies.push({ kind, namespace: this.#rootNamespace, name: '', selector: undefined });
      }
    }
    return { findings, unreadablePolicies };
  }
}

function forbiddenFinding({ resource, unreadable }: ObjectStore, reason: string): Finding {
  const { kind } = resource;
  const closed = isPolicyKind(kind)
    ? 'every workload refuses what they might forbid'
    : 'the mesh does without what is there';
  return {
    code: Code.unreadable,
    level: 'error',
    object: resourceName(resource),
    file: undefined,
    line: undefined,
    field: '',
    message: `cannot be read: ${reason}; ${unreadable ? closed : 'what was read before stays in force'}. Give the control plane its ClusterRole`,
  };
}
