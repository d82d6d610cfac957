import { Backoff } from '../../common/runtime/backoff.js';
import type { Clock, Random } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { ApiError, type KubernetesApi, type KubernetesObject, type WatchEvent } from './api.js';

interface ObjectList {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly KubernetesObject[];
}

export interface MirrorOptions<T> {
  readonly api: KubernetesApi;
  /** Of the collection: `/api/v1/namespaces`. */
  readonly path: string;
  /** Narrows it, for example `fieldSelector`. */
  readonly query?: Readonly<Record<string, string>>;
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

const PAGE = '500';
/** A watch is renewed after this time, so that a connection that died silently is not trusted for ever. */
const WATCH_SECONDS = 240;

/** A small collection of the cluster, held here and kept up to date: for what the control plane writes and compares. */
export class Mirror<T> {
  private items = new Map<string, T>();
  private complete = false;
  private readonly backoff: Backoff;

  constructor(private readonly options: MirrorOptions<T>) {
    this.backoff = new Backoff({ baseMs: 500, maxMs: 5000, random: options.random });
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
    let version: string | undefined;
    while (!signal.aborted) {
      try {
        version ??= await this.list(signal);
        this.backoff.reset();
        version = await this.follow(version, signal);
      } catch (error) {
        if (signal.aborted) return;
        // After "gone" and whatever else, what was missed has to be listed.
        version = undefined;
        const delay = this.backoff.next();
        const { path, query } = this.options;
        this.options.log.warn(
          { path, ...query, reason: messageOf(error), retryInMs: Math.round(delay) },
          'lost sight of the cluster',
        );
        await pause(this.options.clock, delay, signal);
      }
    }
  }

  private async list(signal: AbortSignal): Promise<string> {
    const { api, path, query, keep, onChange, onListed } = this.options;
    const items = new Map<string, T>();
    let page: ObjectList;
    let next = '';
    do {
      const position = next === '' ? {} : { continue: next };
      page = await api.request<ObjectList>({
        method: 'GET',
        path,
        query: { ...query, limit: PAGE, ...position },
        signal,
      });
      for (const item of page.items ?? []) items.set(keyOf(item), keep(item));
      next = page.metadata?.continue ?? '';
    } while (next !== '');
    const before = this.items;
    this.items = items;
    this.complete = true;
    for (const key of new Set([...before.keys(), ...items.keys()])) onChange(key);
    onListed?.();
    return page.metadata?.resourceVersion ?? '';
  }

  /** Resolves with the version up to which everything is known, when the server has ended the watch. */
  private async follow(version: string, signal: AbortSignal): Promise<string> {
    const { api, path } = this.options;
    let known = version;
    const query = {
      ...this.options.query,
      resourceVersion: version,
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(WATCH_SECONDS),
    };
    const patience = AbortSignal.timeout((WATCH_SECONDS + 30) * 1000);
    await api.watch({ path, query }, AbortSignal.any([signal, patience]), (event) => {
      if (event.type === 'ERROR') throw new ApiError(`the watch of ${path} ended`, statusOf(event));
      known = event.object.metadata?.resourceVersion ?? known;
      if (event.type !== 'BOOKMARK') this.take(event);
    });
    return known;
  }

  private take({ type, object }: WatchEvent): void {
    const key = keyOf(object);
    if (type === 'DELETED') this.items.delete(key);
    else this.items.set(key, this.options.keep(object));
    this.options.onChange(key);
  }
}

/** `namespace/name`; the name alone for what has no namespace. */
export function keyOf({ metadata }: KubernetesObject): string {
  const name = metadata?.name ?? '';
  return metadata?.namespace === undefined ? name : `${metadata.namespace}/${name}`;
}

function statusOf(event: WatchEvent): number {
  const { code } = event.object as { code?: unknown };
  return typeof code === 'number' ? code : 0;
}

/** Resolves after `ms`, or when `signal` aborts. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
