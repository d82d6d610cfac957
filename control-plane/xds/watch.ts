import { contentHash } from '../../common/xds/content-hash.js';
import { TYPE } from '../../common/xds/type-urls.js';
import type { EncodedResource } from './encoded.js';

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

/** Version of a resource that the client knows not to exist. */
const ABSENT = '';
const MAX_NAMES = 100_000;
const MAX_NAME_LENGTH = 2048;

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
        /** Versions by name. */
        readonly resources: ReadonlyMap<string, string>;
        readonly gone: readonly string[];
        readonly version: string;
      }
    | undefined;
  lastNonce = '';
  rejection: Rejection | undefined;
  sentVersion: string | undefined;
  ackedVersion: string | undefined;
  private readonly names = new Set<string>();
  private readonly sent = new Map<string, Sent>();

  constructor(readonly typeUrl: string) {}

  get subscribed(): readonly string[] {
    return this.wildcard ? ['*', ...this.names] : [...this.names];
  }

  get sentCount(): number {
    let count = 0;
    for (const { version } of this.sent.values()) if (version !== ABSENT) count++;
    return count;
  }

  /** Delta: asking for a name again means that the client lost it. Throws when there are too many names. */
  subscribe(names: readonly string[]): void {
    for (const name of names) {
      if (name === '*') this.wildcard = true;
      else if (name.length > MAX_NAME_LENGTH) throw new RangeError('a resource name is too long');
      else {
        this.names.add(name);
        this.sent.delete(name);
      }
    }
    if (this.names.size > MAX_NAMES) throw new RangeError('too many resource names');
  }

  unsubscribe(names: readonly string[]): void {
    for (const name of names) {
      if (name === '*') {
        this.wildcard = false;
        for (const held of this.sent.keys()) if (!this.names.has(held)) this.sent.delete(held);
      } else if (this.names.delete(name) && !this.wildcard) {
        this.sent.delete(name);
        this.forgive(name);
      }
    }
  }

  /** State of the world: the whole list, every time. True when it grew. */
  replaceNames(names: readonly string[]): boolean {
    const wanted = new Set(names);
    const added = names.filter((name) => name !== '*' && !this.names.has(name));
    const gone = [...this.names].filter((name) => !wanted.has(name));
    if (wanted.has('*') !== this.wildcard && (wanted.has('*') || wanted.size > 0)) {
      if (wanted.has('*')) this.wildcard = true;
      else this.unsubscribe(['*']);
    }
    this.unsubscribe(gone);
    this.subscribe(added);
    return added.length > 0;
  }

  /** What the client still has from an earlier stream. */
  hold(versions: Readonly<Record<string, string>>): void {
    for (const [name, version] of Object.entries(versions)) this.sent.set(name, { version, resource: undefined });
    if (this.sent.size > 0) this.owed = false;
  }

  /** The client drops this resource together with something else: send it again when it is asked for or next changes. */
  forget(name: string): void {
    if (this.sent.get(name)?.version !== ABSENT) this.sent.delete(name);
  }

  /** The client has let go of a resource that is no more. */
  drop(name: string): void {
    this.forget(name);
    this.forgive(name);
  }

  /** Whether the client holds on to an older version of a resource that it should have. */
  refuses(target: ReadonlyMap<string, EncodedResource>): boolean {
    for (const name of this.rejection?.resources.keys() ?? []) if (target.has(name)) return true;
    return false;
  }

  private forgive(name: string): void {
    this.rejection?.resources.delete(name);
    if (this.rejection?.resources.size === 0) this.rejection = undefined;
  }

  has(name: string): boolean {
    return (this.sent.get(name)?.version ?? ABSENT) !== ABSENT;
  }

  /** Whether the client has this version, and has said so. */
  hasAccepted(name: string, version: string): boolean {
    return this.sent.get(name)?.version === version && this.outstanding?.resources.has(name) !== true;
  }

  wants(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  difference(target: ReadonlyMap<string, EncodedResource>): Change {
    const upserts: EncodedResource[] = [];
    const wanted = this.wildcard ? target.keys() : this.names;
    for (const name of wanted) {
      const resource = target.get(name);
      if (resource !== undefined && this.sent.get(name)?.version !== resource.version) upserts.push(resource);
    }
    const removed = [...this.sent].filter(([name, { version }]) => version !== ABSENT && !target.has(name));
    const missing = [...this.names].filter((name) => !target.has(name) && !this.sent.has(name));
    return { upserts, removed: removed.map(([name]) => name), missing };
  }

  /** Everything that the client should have, with what it has and is only to lose later. */
  everything(target: ReadonlyMap<string, EncodedResource>, withRemoved: boolean): EncodedResource[] {
    const all = [...target.values()].filter(({ name }) => this.wants(name));
    if (!withRemoved) return all;
    const leaving = [...this.sent.values()].flatMap(({ resource }) =>
      resource === undefined || target.has(resource.name) ? [] : [resource],
    );
    return [...all, ...leaving];
  }

  recordSent(
    nonce: string,
    resources: readonly EncodedResource[],
    gone: readonly string[],
    changed: readonly EncodedResource[],
  ): void {
    for (const resource of resources) this.sent.set(resource.name, { version: resource.version, resource });
    for (const name of gone) {
      if (this.names.has(name)) this.sent.set(name, { version: ABSENT, resource: undefined });
      else this.sent.delete(name);
    }
    const version = this.stateVersion();
    this.outstanding = {
      nonce,
      resources: new Map(changed.map((resource) => [resource.name, resource.version])),
      gone,
      version,
    };
    this.lastNonce = nonce;
    this.sentVersion = version;
    this.owed = false;
  }

  /** The version of all that the client has been given. */
  stateVersion(): string {
    return contentHash(JSON.stringify([...this.sent].map(([name, { version }]) => [name, version]).sort()));
  }

  acknowledge(): void {
    const answered = this.outstanding;
    this.outstanding = undefined;
    if (answered === undefined) return;
    this.ackedVersion = answered.version;
    for (const name of [...answered.resources.keys(), ...answered.gone]) this.forgive(name);
  }

  /** Keeps the rejected versions as sent, so that they are not sent again until they change. */
  reject(reason: string, at: number): Rejection {
    const answered = this.outstanding?.resources ?? new Map<string, string>();
    this.outstanding = undefined;
    const named = [...answered].filter(([name]) => reason.includes(name));
    const resources = new Map([...(this.rejection?.resources ?? []), ...(named.length > 0 ? named : answered)]);
    this.rejection = { reason, at, resources };
    return this.rejection;
  }
}
