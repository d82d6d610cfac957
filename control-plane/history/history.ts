import type { Clock } from '../../common/runtime/clock.js';
import type { ConfigObject, ObjectKey } from '../api/object.js';
import { KindLists } from '../model/kind-lists.js';
import type { ConfigSet } from '../sources/source.js';
import {
  changesBetween,
  haveSameKept,
  type KeptObjects,
  keptObjects,
  type ObjectChange,
  textOf,
  versionOf,
} from './kept-objects.js';

/** One state of the configuration that was put into force. */
export interface Version {
  readonly id: string;
  /** Counts up, over restarts too. */
  readonly number: number;
  /** ms since the epoch. */
  readonly time: number;
  /** Against the version before; empty for the first one. */
  readonly changes: readonly ObjectChange[];
  readonly unreadable: ConfigSet['unreadablePolicies'];
}

/** A version with all its objects. */
export interface WholeVersion extends Pick<Version, 'id' | 'unreadable'> {
  readonly objects: KeptObjects;
}

/** All that a history knows. */
export interface KeptHistory {
  /** Oldest first. */
  readonly versions: readonly Version[];
  /** Of the newest version. */
  readonly objects: KeptObjects;
}

export interface HistoryLimits {
  readonly versions: number;
  /** Of the objects that changed, before and after. */
  readonly bytes: number;
}

const LIMITS: HistoryLimits = { versions: 200, bytes: 8_000_000 };

/**
 * The versions of the configuration, bounded. What is kept of each is what it changed: an older one is found by going back from the
 * newest, so nothing is lost when the oldest are dropped.
 */
export class History {
  private kept: { readonly version: Version; readonly bytes: number }[] = [];
  private bytes = 0;
  private objects: ReadonlyMap<ObjectKey, ConfigObject> = new Map();
  /** Of the set that was recorded last. */
  private lists: KindLists | undefined;
  private number = 0;
  /** Whether anything of it was seen here. */
  private own = false;

  constructor(
    private readonly clock: Clock,
    private readonly limits: HistoryLimits = LIMITS,
  ) {}

  /** Oldest first. */
  get versions(): readonly Version[] {
    return this.kept.map(({ version }) => version);
  }

  get latest(): Version | undefined {
    return this.kept.at(-1)?.version;
  }

  get whole(): KeptHistory {
    return { versions: this.versions, objects: this.objects };
  }

  /**
   * Goes on from what another replica, or this one before it was restarted, has kept, instead of from what is known here. What is in
   * force here and differs stays the newest version.
   */
  adopt({ versions, objects }: KeptHistory): void {
    const { latest, objects: here } = this;
    this.kept = [];
    this.bytes = 0;
    this.lists = undefined;
    for (const version of versions) this.keep(version);
    this.number = versions.at(-1)?.number ?? 0;
    if (latest === undefined || !this.own) {
      this.objects = objects;
      return;
    }
    const changes = changesBetween(objects, here);
    if (changes.length > 0 || versions.length === 0) this.keep({ ...latest, number: ++this.number, changes });
  }

  /** Takes what has been put into force; returns the version when it is a new one. */
  record(set: ConfigSet): Version | undefined {
    const first = this.kept.length === 0;
    this.own = true;
    const lists = new KindLists(set.objects, this.lists);
    const same = !first && this.lists !== undefined && haveSameKept(lists, this.lists);
    this.lists = lists;
    if (same) return undefined;
    const objects = keptObjects(set);
    const changes = first ? [] : changesBetween(this.objects, objects);
    this.objects = objects;
    if (!first && changes.length === 0) return undefined;
    this.number++;
    const { unreadablePolicies: unreadable } = set;
    const version = { id: versionOf(objects), number: this.number, time: this.clock.now(), changes, unreadable };
    this.keep(version);
    return version;
  }

  /** The newest version of a name, or of the beginning of one; undefined when it is not kept, `several` when it is not one. */
  find(name: string): WholeVersion | 'several' | undefined {
    if (name === '') return undefined;
    const ids = new Set(this.kept.map(({ version }) => version.id).filter((id) => id.startsWith(name)));
    if (ids.size > 1 && !ids.has(name)) return 'several';
    const objects = new Map(this.objects);
    for (const { version } of [...this.kept].reverse()) {
      if (version.id === name || (ids.size === 1 && ids.has(version.id))) {
        return { id: version.id, unreadable: version.unreadable, objects };
      }
      for (const { key, before } of version.changes) {
        if (before === undefined) objects.delete(key);
        else objects.set(key, before);
      }
    }
    return undefined;
  }

  private keep(version: Version): void {
    const bytes = version.changes.reduce((sum, { before, after }) => sum + sizeOf(before) + sizeOf(after), 0);
    this.kept.push({ version, bytes });
    this.bytes += bytes;
    this.forget();
  }

  private forget(): void {
    while (this.kept.length > 1 && (this.kept.length > this.limits.versions || this.bytes > this.limits.bytes)) {
      this.bytes -= this.kept.shift()?.bytes ?? 0;
    }
  }
}

function sizeOf(object: ConfigObject | undefined): number {
  return object === undefined ? 0 : textOf(object).length;
}
