import { Backoff } from '../../common/runtime/backoff.js';
import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import { isMapping } from '../api/schema/schema.js';
import { ApiError, type KubernetesApi, type WatchEvent } from './api.js';
import { type RawObject, type Resource, resourceName, resourcePath } from './resource.js';

/** Gets what a reflector sees, trimmed. */
export interface ReflectorTarget {
  /** All objects that there are: after every list, and none when the kind is no longer defined. */
  replace(objects: readonly RawObject[]): void;
  upsert(object: RawObject): void;
  remove(object: RawObject): void;
  /** Called when it changes, after the objects that belong to it. */
  state(state: ReflectorState): void;
}

/**
 * `synced`: the objects are those of the server, or were when it was last reached. `missing`: the kind is not defined.
 * `forbidden`: we may not read it; objects read before stay. `failing`: the server does not answer as it should.
 */
export type ReflectorState =
  | { readonly kind: 'synced' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'forbidden' | 'failing'; readonly message: string };

export interface ReflectorOptions {
  readonly api: KubernetesApi;
  readonly resource: Resource;
  readonly target: ReflectorTarget;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<ReflectorLimits>;
}

export interface ReflectorLimits {
  readonly pageSize: number;
  /** First and longest wait after a failure, ms. */
  readonly baseMs: number;
  readonly maxMs: number;
  /** How long to wait before looking again for a kind that is not defined, or that we may not read, ms. */
  readonly absentMs: number;
  /** Longest silence of a watch, ms. The server sends a bookmark every one or two minutes. */
  readonly silenceMs: number;
}

const LIMITS: ReflectorLimits = { pageSize: 500, baseMs: 500, maxMs: 30_000, absentMs: 30_000, silenceMs: 200_000 };
const LIST_MS = 60_000;
/** After a sign that a kind may have come, it is looked for this many times in short order. */
const HURRY = 5;
/** A watch that fails as often as this without an event is not resumed: its resource version may never come to be. */
const MAX_RESUMES = 4;
/** As often as this a 403 is taken for one of a server that starts: for some seconds. */
const MAX_REFUSALS = 4;
/** The server ends a watch after a random time in this range, in seconds, so that watches do not end all together. */
const WATCH_SECONDS = { min: 290, more: 290 };
/** A watch that the server ends sooner than this counts as a failure. */
const SHORT_MS = 1_000;

/**
 * Keeps a target equal to what the API server has of one kind: lists it in pages, watches from there with bookmarks, resumes
 * where it was after a lost connection, and lists anew when the server has forgotten that place.
 */
export class Reflector {
  readonly #api: KubernetesApi;
  readonly #resource: Resource;
  readonly #target: ReflectorTarget;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #limits: ReflectorLimits;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** Index of the version that is read. */
  #version = 0;
  /** Where to watch from; undefined: list first. */
  #resourceVersion: string | undefined;
  #listedOnce = false;
  #failures = 0;
  /** Answers 403 in a row. */
  #refusals = 0;
  #hurry = 0;
  #state: string | undefined;

  constructor(options: ReflectorOptions) {
    this.#api = options.api;
    this.#resource = options.resource;
    this.#target = options.target;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#backoff = new Backoff({ baseMs: this.#limits.baseMs, maxMs: this.#limits.maxMs, random: options.random });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    await this.#running;
  }

  /** Ends a wait: something has changed that may make the next try succeed. */
  wake(): void {
    this.#hurry = HURRY;
    this.#wake?.();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        if (this.#resourceVersion === undefined) await this.#list();
        await this.#watch();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        await this.#recover(error);
      }
    }
  }

  async #list(): Promise<void> {
    const { objects, resourceVersion } = await this.#pages();
    this.#resourceVersion = resourceVersion;
    this.#listedOnce = true;
    this.#failures = 0;
    this.#refusals = 0;
    this.#backoff.reset();
    this.#target.replace(objects);
    this.#say({ kind: 'synced' });
  }

  async #pages(): Promise<{ objects: RawObject[]; resourceVersion: string }> {
    try {
      return await this.#read(this.#limits.pageSize);
    } catch (error) {
      // The first pages have grown too old for the server to go on from them: everything at once, then.
      if (statusOf(error) !== 410) throw error;
      return this.#read(undefined);
    }
  }

  async #read(pageSize: number | undefined): Promise<{ objects: RawObject[]; resourceVersion: string }> {
    const objects: RawObject[] = [];
    let next = '';
    for (;;) {
      const query = {
        ...this.#query(),
        ...(pageSize === undefined ? {} : { limit: String(pageSize) }),
        ...(next === '' ? {} : { continue: next }),
      };
      const page = await this.#get(this.#path(), query);
      const items: unknown = page['items'];
      // Absent items are not an empty list: taking them for one would withdraw everything.
      if (!Array.isArray(items)) throw new ApiError(`${this.#path()}: the answer is no list`, 0);
      for (const item of items) if (isMapping(item)) objects.push(this.#resource.trim(item));
      next = textOf(page, 'continue');
      if (next === '') return { objects, resourceVersion: textOf(page, 'resourceVersion') };
    }
  }

  async #watch(): Promise<void> {
    const seconds = Math.round(WATCH_SECONDS.min + this.#random() * WATCH_SECONDS.more);
    const query = {
      ...this.#query(),
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(seconds),
      resourceVersion: this.#resourceVersion ?? '',
    };
    const since = this.#clock.monotonic();
    let events = 0;
    const watchdog = new Watchdog(this.#clock, this.#limits.silenceMs, this.#stop.signal);
    try {
      await this.#api.watch({ path: this.#path(), query }, watchdog.signal, (event) => {
        // Nothing may reach the target after the stop.
        if (watchdog.signal.aborted) return;
        events++;
        watchdog.alive();
        this.#failures = 0;
        this.#refusals = 0;
        this.#backoff.reset();
        this.#apply(event);
        this.#say({ kind: 'synced' });
      });
    } finally {
      watchdog.end();
    }
    if (watchdog.fired) throw new ApiError(`${this.#path()}: silent for ${this.#limits.silenceMs} ms`, 0);
    if (events === 0 && this.#clock.monotonic() - since < SHORT_MS) {
      throw new ApiError(`${this.#path()}: the watch ended at once`, 0);
    }
  }

  async #get(path: string, query: Readonly<Record<string, string>>): Promise<RawObject> {
    const { signal } = this.#stop;
    const answer = await this.#api.request<unknown>({ method: 'GET', path, query, timeoutMs: LIST_MS, signal });
    if (!isMapping(answer)) throw new ApiError(`${path}: the answer is no object`, 0);
    return answer;
  }

  #apply({ type, object: sent }: WatchEvent): void {
    const object: RawObject = { ...sent };
    if (type === 'ERROR') {
      const { code, message } = object;
      const text = typeof message === 'string' ? message : 'the watch failed';
      throw new ApiError(text, typeof code === 'number' ? code : 0);
    }
    if (type === 'ADDED' || type === 'MODIFIED') this.#target.upsert(this.#resource.trim(object));
    else if (type === 'DELETED') this.#target.remove(this.#resource.trim(object));
    const version = textOf(object, 'resourceVersion');
    if (version !== '') this.#resourceVersion = version;
  }

  async #recover(error: unknown): Promise<void> {
    const status = statusOf(error);
    if (status === 410) {
      this.#resourceVersion = undefined;
      return this.#pause(this.#backoff.next() / 4);
    }
    if (status === 404) return this.#notFound();
    this.#failures++;
    if (this.#failures > MAX_RESUMES) this.#resourceVersion = undefined;
    // A server that has just started refuses everybody until it has read its roles.
    if (status === 403 && ++this.#refusals > MAX_REFUSALS) {
      this.#say({ kind: 'forbidden', message: messageOf(error) });
      // The right to list may be there without that to watch; what was listed is looked at again, then.
      this.#resourceVersion = undefined;
      return this.#pause(this.#jittered(this.#limits.absentMs));
    }
    if (status !== 403) this.#refusals = 0;
    this.#say({ kind: 'failing', message: messageOf(error) });
    return this.#pause(this.#backoff.next());
  }

  /** Another version may be served; without any, the kind is gone if its definition is. */
  async #notFound(): Promise<void> {
    this.#resourceVersion = undefined;
    this.#version++;
    if (this.#version < this.#resource.versions.length) return;
    this.#version = 0;
    if (!this.#resource.custom || (this.#listedOnce && !(await this.#isUndefined()))) {
      this.#say({ kind: 'failing', message: `${resourceName(this.#resource)} is not served` });
      return this.#pause(this.#backoff.next());
    }
    if (this.#listedOnce) this.#target.replace([]);
    this.#listedOnce = false;
    this.#say({ kind: 'missing' });
    // What was defined just now is served a little later.
    this.#hurry = Math.max(0, this.#hurry - 1);
    return this.#pause(this.#hurry > 0 ? this.#limits.baseMs : this.#jittered(this.#limits.absentMs));
  }

  /** While a server starts it may not serve yet what is defined: objects are withdrawn only when the definition is gone. */
  async #isUndefined(): Promise<boolean> {
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${resourceName(this.#resource)}`;
    try {
      await this.#get(path, {});
      return false;
    } catch (error) {
      return statusOf(error) === 404;
    }
  }

  #say(state: ReflectorState): void {
    const key = 'message' in state ? `${state.kind} ${state.message}` : state.kind;
    if (key === this.#state) return;
    this.#state = key;
    this.#target.state(state);
  }

  #path(): string {
    return resourcePath(this.#resource, this.#resource.versions[this.#version] ?? 'v1');
  }

  #query(): Readonly<Record<string, string>> {
    const { fieldSelector } = this.#resource;
    return fieldSelector === undefined ? {} : { fieldSelector };
  }

  #jittered(ms: number): number {
    return ms * (0.8 + 0.4 * this.#random());
  }

  #pause(ms: number): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
      const timer = this.#clock.after(ms, done);
      this.#wake = done;
    });
  }
}

/** Aborts when nobody says for a while that there is life; passes on an abort from outside. */
class Watchdog {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #outer: AbortSignal;
  readonly #controller = new AbortController();
  readonly #onAbort = (): void => this.#controller.abort();
  #timer: Timer;
  fired = false;

  constructor(clock: Clock, ms: number, outer: AbortSignal) {
    this.#clock = clock;
    this.#ms = ms;
    this.#outer = outer;
    this.#timer = this.#wait();
    if (outer.aborted) this.#controller.abort();
    else outer.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  alive(): void {
    this.#timer.cancel();
    this.#timer = this.#wait();
  }

  end(): void {
    this.#timer.cancel();
    this.#outer.removeEventListener('abort', this.#onAbort);
    // Frees the connection of a stream that was left before its end.
    this.#controller.abort();
  }

  #wait(): Timer {
    return this.#clock.after(this.#ms, () => {
      this.fired = true;
      this.#controller.abort();
    });
  }
}

function statusOf(error: unknown): number {
  return error instanceof ApiError ? error.status : 0;
}

function textOf(object: RawObject, key: string): string {
  const metadata = object['metadata'];
  const value = isMapping(metadata) ? metadata[key] : undefined;
  return typeof value === 'string' ? value : '';
}
