import { contentHash } from '../../common/xds/content-hash.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { changesBetween, versionOfAll } from './changes.js';
import type { EncodedMap, EncodedResource } from './encoded.js';
import { NameSet } from './name-set.js';

/** What a client has of a resource; from before a reconnect only the version is known. */
interface Sent {
  readonly version: string;
  readonly resource: EncodedResource | undefined;
}

export interface Change {
  /** New or changed. */
  readonly upserts: readonly EncodedResource[];
  /** The client has them and should not any more. */
  readonly removed: readonly string[];
  /** Asked for by name, and not there. */
  readonly missing: readonly string[];
}

export interface Rejection {
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Rejected resources, each with the version that was rejected. */
  readonly resources: Map<string, string>;
}

/** The client had it, and has let go of it. */
const LOST: Sent = { version: '', resource: undefined };
const NO_CHANGE: Change = { upserts: [], removed: [], missing: [] };
const MAX_NAMES = 100_000;
const MAX_NAME_LENGTH = 2048;

const held = new WeakMap<object, readonly (readonly [name: string, sent: Sent])[]>();

/** What clients have that say they have the same, once for all of them. */
function heldOf(versions: Readonly<Record<string, string>>): readonly (readonly [name: string, sent: Sent])[] {
  let all = held.get(versions);
  if (all === undefined) {
    all = Object.entries(versions).map(([name, version]) => [name, { version, resource: undefined }] as const);
    held.set(versions, all);
  }
  return all;
}

/** Whether an empty first subscription to this type means everything (xDS protocol: LDS and CDS only; and Istio's NDS). */
export function hasWildcard(typeUrl: string): boolean {
  return typeUrl === TYPE.listener || typeUrl === TYPE.cluster || typeUrl === TYPE.nameTable;
}

/** One resource type on one stream: what the client asks for, what it has been sent, and what it said about that. */
export class Watch {
  wildcard = false;
  /** A response is owed even when there is nothing to send. */
  owed = true;
  /** The response that the client has not answered yet. */
  outstanding:
    | {
        readonly nonce: string;
        readonly changed: readonly EncodedResource[];
        readonly gone: readonly string[];
        readonly version: string;
      }
    | undefined;
  lastNonce = '';
  rejection: Rejection | undefined;
  sentVersion: string | undefined;
  ackedVersion: string | undefined;
  private names = NameSet.EMPTY;
  /** The client has all of this that it asks for, but for the exceptions. */
  private base: EncodedMap | undefined;
  private readonly exceptions = new Map<string, Sent>();
  /** Asked for, and said not to exist. */
  private readonly absent = new Set<string>();
  /** Since `base` was taken, the client has not asked for anything else. */
  private calm = false;

  constructor(readonly typeUrl: string) {}

  get subscribed(): readonly string[] {
    return this.wildcard ? ['*', ...this.names] : [...this.names];
  }

  get sentCount(): number {
    if (this.base !== undefined && this.calm && this.exceptions.size === 0) {
      return this.wildcard ? this.base.size : this.names.size - this.absent.size;
    }
    let count = 0;
    for (const sent of this.exceptions.values()) if (sent !== LOST) count++;
    for (const name of this.base?.keys() ?? []) if (this.wants(name) && !this.exceptions.has(name)) count++;
    return count;
  }

  /** Delta: asking for a name again means that the client lost it. Throws when there are too many names. */
  subscribe(names: readonly string[]): void {
    const plain = names.filter((name) => name !== '*');
    if (plain.length < names.length) this.wantAll();
    if (plain.some((name) => name.length > MAX_NAME_LENGTH)) throw new RangeError('a resource name is too long');
    this.names = this.names.with(plain);
    for (const name of plain) {
      this.absent.delete(name);
      this.lose(name);
    }
    if (names.length > 0) this.calm = false;
    if (this.names.size > MAX_NAMES) throw new RangeError('too many resource names');
  }

  /** What it did not ask for before it has not been sent. */
  private wantAll(): void {
    if (this.wildcard) return;
    for (const name of this.base?.keys() ?? []) {
      if (!this.names.has(name) && !this.exceptions.has(name)) this.exceptions.set(name, LOST);
    }
    this.wildcard = true;
  }

  unsubscribe(names: readonly string[]): void {
    if (names.length === 0) return;
    this.calm = false;
    if (names.includes('*')) {
      this.wildcard = false;
      for (const held of this.exceptions.keys()) if (!this.names.has(held)) this.exceptions.delete(held);
    }
    const gone = names.filter((name) => this.names.has(name));
    this.names = this.names.without(gone);
    for (const name of gone) {
      this.absent.delete(name);
      if (this.wildcard) continue;
      this.exceptions.delete(name);
      this.forgive(name);
    }
  }

  /** State of the world: the whole list, every time. True when it grew. */
  replaceNames(names: readonly string[]): boolean {
    const wanted = new Set(names);
    const added = names.filter((name) => name !== '*' && !this.names.has(name));
    const gone = [...this.names].filter((name) => !wanted.has(name));
    if (wanted.has('*') !== this.wildcard && (wanted.has('*') || wanted.size > 0)) {
      if (wanted.has('*')) this.subscribe(['*']);
      else this.unsubscribe(['*']);
    }
    this.unsubscribe(gone);
    this.subscribe(added);
    return added.length > 0;
  }

  /** What the client still has from an earlier stream. */
  hold(versions: Readonly<Record<string, string>>): void {
    for (const [name, sent] of heldOf(versions)) this.exceptions.set(name, sent);
    if (this.exceptions.size > 0) this.owed = false;
  }

  /** The client drops this resource together with something else: send it again when it is asked for or next changes. */
  forget(name: string): void {
    if (!this.absent.has(name)) this.lose(name);
  }

  /** The client has let go of a resource that is no more. */
  drop(name: string): void {
    this.forget(name);
    this.forgive(name);
  }

  /** Whether the client holds on to an older version of a resource that it should have. */
  refuses(target: EncodedMap): boolean {
    for (const name of this.rejection?.resources.keys() ?? []) if (target.has(name)) return true;
    return false;
  }

  private lose(name: string): void {
    if (this.base?.has(name) === true) this.exceptions.set(name, LOST);
    else this.exceptions.delete(name);
  }

  private forgive(name: string): void {
    this.rejection?.resources.delete(name);
    if (this.rejection?.resources.size === 0) this.rejection = undefined;
  }

  /** Undefined when the client has none. */
  private sentOf(name: string): Sent | undefined {
    const exception = this.exceptions.get(name);
    if (exception !== undefined) return exception === LOST ? undefined : exception;
    const resource = this.base?.get(name);
    return resource === undefined || !this.wants(name) ? undefined : { version: resource.version, resource };
  }

  has(name: string): boolean {
    return this.sentOf(name) !== undefined;
  }

  /** Whether the client has this version, and has said so. */
  hasAccepted(name: string, version: string): boolean {
    const waits = this.outstanding?.changed.some((resource) => resource.name === name) === true;
    return !waits && this.sentOf(name)?.version === version;
  }

  wants(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  difference(target: EncodedMap): Change {
    if (this.base === target && this.calm && this.exceptions.size === 0) return NO_CHANGE;
    const { changed, gone } =
      this.base === undefined ? { changed: this.wanted(target), gone: [] } : changesBetween(this.base, target);
    const plain = (name: string): boolean => this.wants(name) && !this.exceptions.has(name);
    const upserts = changed.filter(({ name }) => plain(name));
    const removed = gone.filter(plain);
    for (const [name, { version }] of this.exceptions) {
      const resource = target.get(name);
      if (resource === undefined) {
        if (this.has(name)) removed.push(name);
      } else if (this.wants(name) && resource.version !== version) upserts.push(resource);
    }
    return { upserts, removed, missing: this.missing(target) };
  }

  private missing(target: EncodedMap): string[] {
    // When it last got something, each name was there or was said not to be: since then it can only have let go of one.
    const candidates = this.base !== undefined && this.calm ? this.exceptions.keys() : this.names;
    const missing: string[] = [];
    for (const name of candidates) {
      if (this.names.has(name) && !target.has(name) && !this.absent.has(name) && !this.has(name)) missing.push(name);
    }
    return missing;
  }

  private wanted(target: EncodedMap): EncodedResource[] {
    if (this.wildcard) return [...target.values()];
    return [...this.names].flatMap((name) => target.get(name) ?? []);
  }

  /** Everything that the client should have, with what it has and is only to lose later. */
  everything(target: EncodedMap, withRemoved: boolean): EncodedResource[] {
    const all = this.wildcard ? [...target.values()] : this.wanted(target);
    if (!withRemoved) return all;
    const leaving = this.difference(target).removed.flatMap((name) => this.sentOf(name)?.resource ?? []);
    return [...all, ...leaving];
  }

  /** The client has, or has been sent, all that it asks for of the target; `removed` it is still to lose. */
  settle(target: EncodedMap, removed: readonly string[]): void {
    const leaving = removed.flatMap((name) => {
      const sent = this.sentOf(name);
      return sent === undefined ? [] : [[name, sent] as const];
    });
    this.exceptions.clear();
    for (const [name, sent] of leaving) this.exceptions.set(name, sent);
    for (const name of this.absent) if (target.has(name)) this.absent.delete(name);
    this.base = target;
    this.calm = true;
  }

  /** After `settle`: what is in the response. */
  recordSent(nonce: string, gone: readonly string[], changed: readonly EncodedResource[]): void {
    for (const name of gone) {
      this.exceptions.delete(name);
      if (this.names.has(name)) this.absent.add(name);
    }
    const version = this.stateVersion();
    this.outstanding = { nonce, changed, gone, version };
    this.lastNonce = nonce;
    this.sentVersion = version;
    this.owed = false;
  }

  /** The version of all that the client has been given. */
  stateVersion(): string {
    const version = this.base === undefined ? '' : versionOfAll(this.base);
    if (this.exceptions.size === 0) return version;
    const more = [...this.exceptions].map(([name, sent]) => [name, sent.version]).sort();
    return contentHash(JSON.stringify([version, more]));
  }

  acknowledge(): void {
    const answered = this.outstanding;
    this.outstanding = undefined;
    if (answered === undefined) return;
    this.ackedVersion = answered.version;
    if (this.rejection === undefined) return;
    for (const { name } of answered.changed) this.forgive(name);
    for (const name of answered.gone) this.forgive(name);
  }

  /** All that was refused and has not been replaced since is in force after all. */
  pardon(): void {
    this.rejection = undefined;
    if (this.outstanding === undefined) this.ackedVersion = this.sentVersion;
  }

  /** Keeps the rejected versions as sent, so that they are not sent again until they change. */
  reject(reason: string, at: number): Rejection {
    const answered = (this.outstanding?.changed ?? []).map(({ name, version }) => [name, version] as const);
    this.outstanding = undefined;
    const named = answered.filter(([name]) => reason.includes(name));
    const resources = new Map([...(this.rejection?.resources ?? []), ...(named.length > 0 ? named : answered)]);
    this.rejection = { reason, at, resources };
    return this.rejection;
  }
}
