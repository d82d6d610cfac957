import type { ResourceTypeUrl } from '../../common/xds/type-urls.js';
import type { ResourceError } from './resources.js';

/** What is known about one resource type, across streams. */
export class Subscription {
  /** Names asked for; ignored for a wildcard type. */
  readonly names = new Set<string>();
  /** Versions of the resources in force, by name. */
  readonly versions = new Map<string, string>();
  /** Names that the server said do not exist. */
  readonly missing = new Set<string>();
  /** Last errors by resource, until a good version comes or the resource goes. */
  readonly errors = new Map<string, string>();
  /** Version of the last response that was accepted as a whole. */
  version = '';
  /** Version of the last response, accepted or not. */
  offered = '';
  /** Whether a response of this type was ever applied. */
  received = false;
  /** When the last response was applied, ms since the epoch. */
  lastUpdated = 0;
  accepted = 0;
  rejected = 0;

  /** State of the current stream. */
  nonce = '';
  requested = false;
  private readonly added = new Set<string>();
  private readonly dropped = new Set<string>();

  constructor(
    readonly typeUrl: ResourceTypeUrl,
    /** LDS and CDS: everything that the server has for us. */
    readonly wildcard: boolean,
  ) {}

  /** Changes the names asked for. Returns those that are no longer wanted; the caller tells the handler. */
  setNames(wanted: ReadonlySet<string>): string[] {
    const gone = [...this.names].filter((name) => !wanted.has(name));
    for (const name of gone) this.drop(name);
    for (const name of wanted) this.want(name);
    return gone;
  }

  get changed(): boolean {
    return this.added.size > 0 || this.dropped.size > 0;
  }

  /** Names to subscribe and unsubscribe since the last call. */
  takeChanges(): { readonly added: string[]; readonly dropped: string[] } {
    const changes = { added: [...this.added], dropped: [...this.dropped] };
    this.added.clear();
    this.dropped.clear();
    return changes;
  }

  /** A new stream knows nothing: everything is asked for again. */
  startStream(): void {
    this.nonce = '';
    this.requested = false;
    this.added.clear();
    this.dropped.clear();
    for (const name of this.names) this.added.add(name);
  }

  recordErrors(errors: readonly ResourceError[]): void {
    for (const { resource, message } of errors) this.errors.set(resource, message);
  }

  private want(name: string): void {
    if (this.names.has(name)) return;
    this.names.add(name);
    if (!this.dropped.delete(name)) this.added.add(name);
  }

  private drop(name: string): void {
    this.names.delete(name);
    this.versions.delete(name);
    this.missing.delete(name);
    this.errors.delete(name);
    if (!this.added.delete(name)) this.dropped.add(name);
  }
}
