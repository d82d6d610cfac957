import type { Clock, Random } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';
import type { KubernetesApi, KubernetesObject } from './api.js';
import { Reflector, type ReflectorState } from './reflector.js';
import { type RawObject, type Resource, resourceName } from './resource.js';

export interface MirrorOptions<T> {
  readonly api: KubernetesApi;
  readonly collection: Collection;
  /** What is kept of an object. */
  readonly keep: (object: KubernetesObject) => T;
  /** Called with `namespace/name` for each object that is new, changed or gone. */
  readonly onChange: (key: string) => void;
  /** Called after every complete listing. */
  readonly onListed?: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** What Kubernetes itself defines, in version v1. */
export interface Collection extends Pick<Resource, 'plural' | 'namespace'> {
  /** Kubernetes' core group when undefined. */
  readonly group?: string;
  /** Only the objects of this name. */
  readonly name?: string;
}

/** What is mirrored is wanted soon, and always there or soon allowed. */
const LIMITS = { maxMs: 5000, absentMs: 5000 };

/** A small collection of the cluster, held here and kept up to date: for what the control plane writes and compares. */
export class Mirror<T> {
  private items = new Map<string, T>();
  private complete = false;
  private readonly resource: Resource;

  constructor(private readonly options: MirrorOptions<T>) {
    this.resource = resourceOf(options.collection);
  }

  /** Whether the collection has been read once. */
  get listed(): boolean {
    return this.complete;
  }

  get(key: string): T | undefined {
    return this.items.get(key);
  }

  keys(): Iterable<string> {
    return this.items.keys();
  }

  /** Lists and watches until `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { api, clock, random } = this.options;
    const target = {
      replace: (objects: readonly RawObject[]) => this.replace(objects),
      upsert: (object: RawObject) => this.upsert(object),
      remove: (object: RawObject) => this.remove(object),
      state: (state: ReflectorState) => this.logState(state),
    };
    const reflector = new Reflector({ api, resource: this.resource, target, clock, random, limits: LIMITS });
    reflector.start();
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await reflector.stop();
  }

  private replace(objects: readonly RawObject[]): void {
    const { keep, onChange, onListed } = this.options;
    const before = this.items;
    this.items = new Map(objects.map((object) => [keyOf(object), keep(object)]));
    this.complete = true;
    for (const key of new Set([...before.keys(), ...this.items.keys()])) onChange(key);
    onListed?.();
  }

  private upsert(object: RawObject): void {
    const key = keyOf(object);
    this.items.set(key, this.options.keep(object));
    this.options.onChange(key);
  }

  private remove(object: RawObject): void {
    const key = keyOf(object);
    this.items.delete(key);
    this.options.onChange(key);
  }

  private logState(state: ReflectorState): void {
    if (!('message' in state)) return;
    const { name } = this.options.collection;
    const what = { resource: resourceName(this.resource), ...(name !== undefined && { name }) };
    this.options.log.warn({ ...what, reason: state.message }, 'cannot be read from the API server now');
  }
}

function resourceOf({ group = '', plural, namespace, name }: Collection): Resource {
  return {
    kind: plural,
    group,
    versions: ['v1'],
    plural,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { fieldSelector: `metadata.name=${name}` }),
    custom: false,
    trim: (object) => object,
  };
}

/** `namespace/name`; the name alone for what has no namespace. */
function keyOf({ metadata }: KubernetesObject): string {
  const name = metadata?.name ?? '';
  return metadata?.namespace === undefined ? name : `${metadata.namespace}/${name}`;
}
