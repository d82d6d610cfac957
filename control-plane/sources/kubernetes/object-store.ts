import { isDeepStrictEqual } from 'node:util';
import { type ConfigObject, type Finding, type ObjectKey, objectKey } from '../../api/object.js';
import type { SortedObjects } from '../../api/objects-by-kind.js';
import { type ParsedObject, parseObject, type RejectedObject } from '../../api/parse-object.js';
import { isMapping } from '../../api/schema/schema.js';
import type { ReflectorState, ReflectorTarget } from '../../kubernetes/reflector.js';
import type { RawObject, Resource } from '../../kubernetes/resource.js';
import { SortedMap } from '../../sorted-map.js';
import { CLOSED, isPolicyKind, KEPT, withFate } from '../last-good.js';

/** One object of the server as it is understood. */
interface Entry {
  readonly uid: string;
  readonly resourceVersion: string;
  /** The last good state. */
  readonly object: ConfigObject | undefined;
  readonly findings: readonly Finding[];
  /** Set when there is no good state. */
  readonly rejected: RejectedObject | undefined;
}

/**
 * The objects of one resource, validated; those that cannot be read keep their last good state. A list that it gives away stays the
 * same one until something in it changes.
 */
export class ObjectStore implements ReflectorTarget {
  #entries: SortedMap<ObjectKey, Entry> = SortedMap.from([]);
  #objects: SortedObjects = SortedMap.from([]);
  /** Those of which there is something to tell. */
  #told: SortedMap<ObjectKey, Entry> = SortedMap.from([]);
  readonly #changed: () => void;
  readonly #onState: (state: ReflectorState) => void;
  #state: ReflectorState | undefined;
  #listed = false;

  constructor(
    readonly resource: Resource,
    callbacks: { readonly changed: () => void; readonly state: (state: ReflectorState) => void },
  ) {
    this.#changed = callbacks.changed;
    this.#onState = callbacks.state;
  }

  /** Whether it is known what there is: listed once, or known not to be listable. */
  get settled(): boolean {
    return this.#listed || this.#state?.kind === 'missing' || this.#state?.kind === 'forbidden';
  }

  /** Nothing of this kind may be read, and nothing of it is known. */
  get unreadable(): boolean {
    return !this.#listed && this.forbidden !== undefined;
  }

  /** Why it may not be read now. */
  get forbidden(): string | undefined {
    return this.#state?.kind === 'forbidden' ? this.#state.message : undefined;
  }

  get objects(): SortedObjects {
    return this.#objects;
  }

  get findings(): readonly Finding[] {
    return this.#told.list.flatMap(({ findings }) => findings);
  }

  get rejected(): readonly RejectedObject[] {
    return this.#told.list.flatMap(({ rejected }) => rejected ?? []);
  }

  /** Another for other findings and rejected objects. */
  get told(): object {
    return this.#told;
  }

  replace(objects: readonly RawObject[]): void {
    const keys = new Set(objects.map((object) => this.#keyOf(object)));
    let changed = !this.#listed;
    this.#listed = true;
    for (const key of this.#entries.keys()) if (!keys.has(key)) changed = this.#drop(key) || changed;
    for (const object of objects) changed = this.#put(object) || changed;
    if (changed) this.#changed();
  }

  upsert(object: RawObject): void {
    if (this.#put(object)) this.#changed();
  }

  remove(object: RawObject): void {
    if (this.#drop(this.#keyOf(object))) this.#changed();
  }

  state(state: ReflectorState): void {
    const was = { settled: this.settled, forbidden: this.forbidden };
    this.#state = state;
    if (state.kind === 'missing') this.#listed = false;
    this.#onState(state);
    if (was.settled !== this.settled || was.forbidden !== this.forbidden) this.#changed();
  }

  /** True when anything that is read has changed. */
  #put(raw: RawObject): boolean {
    const key = this.#keyOf(raw);
    const { uid, resourceVersion } = identityOf(raw);
    const before = this.#entries.get(key);
    if (before !== undefined && before.uid === uid && before.resourceVersion === resourceVersion) return false;
    // Items of a list do not say what they are.
    const parsed = parseObject(
      { ...raw, apiVersion: raw['apiVersion'] ?? this.#apiVersion(), kind: raw['kind'] ?? this.resource.kind },
      undefined,
      // The only ConfigMap that is watched is the mesh's.
      this.resource.namespace,
    );
    // One that was made anew under the name of another has no past.
    const entry = entryOf(parsed, before?.uid === uid ? before : undefined, { uid, resourceVersion });
    this.#keep(key, entry);
    return (
      before === undefined ||
      entry.object !== before.object ||
      entry.rejected !== before.rejected ||
      !isDeepStrictEqual(entry.findings, before.findings)
    );
  }

  #drop(key: ObjectKey): boolean {
    if (!this.#entries.has(key)) return false;
    this.#keep(key, undefined);
    return true;
  }

  #keep(key: ObjectKey, entry: Entry | undefined): void {
    this.#entries = this.#entries.changed(key, entry);
    this.#objects = this.#objects.changed(key, entry?.object);
    const tells = entry !== undefined && (entry.findings.length > 0 || entry.rejected !== undefined);
    this.#told = this.#told.changed(key, tells ? entry : undefined);
  }

  #keyOf(object: RawObject): ObjectKey {
    const { namespace, name } = metadata(object);
    const text = (value: unknown): string => (typeof value === 'string' ? value : '');
    return objectKey(this.resource.kind, text(namespace), text(name));
  }

  #apiVersion(): string {
    const { group, versions } = this.resource;
    return group === '' ? (versions[0] ?? '') : `${group}/${versions[0] ?? ''}`;
  }
}

function entryOf(
  { object, findings, rejected }: ParsedObject,
  before: Entry | undefined,
  identity: { readonly uid: string; readonly resourceVersion: string },
): Entry {
  if (object !== undefined) {
    // Most changes are of what nobody reads (a heartbeat, a status): the same object then stays the same.
    const kept = before?.object !== undefined && isDeepStrictEqual(object, before.object) ? before.object : object;
    return { ...identity, object: kept, findings, rejected: undefined };
  }
  if (rejected === undefined) return { ...identity, object: undefined, findings, rejected: undefined };
  const good = before?.object;
  const fate = good !== undefined ? KEPT : isPolicyKind(rejected.kind) ? CLOSED : '';
  return {
    ...identity,
    object: good,
    findings: withFate(findings, fate),
    rejected: good === undefined ? rejected : undefined,
  };
}

function identityOf(object: RawObject): { readonly uid: string; readonly resourceVersion: string } {
  const { uid, resourceVersion } = metadata(object);
  return {
    uid: typeof uid === 'string' ? uid : '',
    resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : '',
  };
}

function metadata(object: RawObject): RawObject {
  const value = object['metadata'];
  return isMapping(value) ? value : {};
}
