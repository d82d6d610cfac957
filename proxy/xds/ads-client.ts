import { Backoff } from '../../common/runtime/backoff.js';
import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { type ResourceTypeUrl, TYPE } from '../../common/xds/type-urls.js';
import type { DecodedResponse } from './decode.js';
import type { AdsProtocol } from './protocol.js';
import { ReceivedResources } from './received-resources.js';
import type { ResourceError, ResourceHandler, ResourceUpdate } from './resources.js';
import { Subscription } from './subscription.js';

/** A bidirectional stream of serialized messages. */
export interface AdsStream {
  send(bytes: Buffer): void;
  close(): void;
}

export interface AdsStreamEvents {
  onMessage(bytes: Buffer): void;
  /** The stream is over, for whatever reason; comes once. */
  onEnd(reason: string): void;
}

/** Opens streams to the xDS server; reads credentials anew for each. Never throws. */
export type OpenAdsStream = (method: string, events: AdsStreamEvents) => AdsStream;

export interface AdsClientOptions {
  /** Node message, sent with the first request of each stream. */
  readonly node: object;
  readonly protocol: AdsProtocol;
  readonly open: OpenAdsStream;
  readonly handlers: readonly ResourceHandler[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Called after each response was applied, and when the connection comes or goes. */
  readonly onChange: () => void;
}

/** Whatever the server has for us of these. */
const WILDCARDS: ReadonlySet<ResourceTypeUrl> = new Set([TYPE.cluster, TYPE.listener, TYPE.nameTable]);

/** In the order in which their first requests are sent: clusters before the routes that name them. */
const TYPES: readonly ResourceTypeUrl[] = [
  TYPE.cluster,
  TYPE.endpoint,
  TYPE.listener,
  TYPE.route,
  TYPE.secret,
  TYPE.nameTable,
  TYPE.trustBundle,
];

/** A proxy that has nothing yet holds its pod up, so it asks more often than one that lost its server. */
const FIRST_RETRY_MS = 2000;

/**
 * The client of an aggregated xDS stream (delta or state of the world). Whatever the server does, the resources in force stay
 * in force; a lost stream is opened again with back-off and jitter.
 */
export class AdsClient {
  readonly subscriptions: ReadonlyMap<ResourceTypeUrl, Subscription>;
  private readonly options: AdsClientOptions;
  private readonly handlers: ReadonlyMap<ResourceTypeUrl, ResourceHandler>;
  private readonly backoff: Backoff;
  private stream: AdsStream | undefined;
  private retry: Timer | undefined;
  private nodeSent = false;
  private flushing = false;
  private stopped = false;
  /** Responses are applied one after the other. */
  private queue: Promise<void> = Promise.resolve();
  private up = false;
  private served = false;
  private failure = '';

  constructor(options: AdsClientOptions) {
    this.options = options;
    this.handlers = new Map(options.handlers.map((handler) => [handler.typeUrl, handler]));
    this.subscriptions = new Map(
      TYPES.filter((type) => this.handlers.has(type)).map((type) => [type, newSubscription(type)]),
    );
    this.backoff = new Backoff({ baseMs: 500, maxMs: 30_000, random: options.random });
  }

  /** Whether the server has answered on the current stream. */
  get connected(): boolean {
    return this.up;
  }

  /** Why the last stream ended; empty while there was no failure. */
  get lastFailure(): string {
    return this.failure;
  }

  start(): void {
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    this.retry?.cancel();
    const stream = this.stream;
    this.stream = undefined;
    this.up = false;
    stream?.close();
  }

  /** Sets which names of a type are wanted (EDS, RDS, SDS). Names that are no longer wanted are removed at the handler. */
  setNames(typeUrl: ResourceTypeUrl, names: ReadonlySet<string>): void {
    const subscription = this.subscriptions.get(typeUrl);
    if (subscription === undefined) return;
    const gone = subscription.setNames(names);
    if (gone.length > 0) this.enqueue(() => this.applyRemovals(subscription, gone));
    this.flushSoon();
  }

  /** A resource that was refused is in force after all. With the last of them the refused response is acknowledged. */
  acceptedLate(typeUrl: ResourceTypeUrl, name: string): void {
    const subscription = this.subscriptions.get(typeUrl);
    if (subscription?.errors.delete(name) !== true) return;
    // Nobody has kept which version it is: on the next stream it is sent once more.
    subscription.versions.set(name, '');
    if (subscription.errors.size > 0 || subscription.nonce === '') return;
    subscription.version = subscription.offered;
    this.send(this.options.protocol.answer(subscription, subscription.nonce, []));
  }

  private connect(): void {
    if (this.stopped) return;
    this.nodeSent = false;
    for (const subscription of this.subscriptions.values()) subscription.startStream();
    const stream = this.options.open(this.options.protocol.method, {
      onMessage: (bytes) => this.enqueue(() => this.receive(stream, bytes)),
      onEnd: (reason) => this.onEnd(stream, reason),
    });
    this.stream = stream;
    this.flush();
  }

  private onEnd(stream: AdsStream, reason: string): void {
    if (this.stopped || this.stream !== stream) return;
    this.stream = undefined;
    this.up = false;
    this.failure = reason;
    const delay = this.backoff.next(this.served ? undefined : FIRST_RETRY_MS);
    this.options.log.warn(
      { reason, retryInMs: Math.round(delay) },
      'xDS stream ended; the configuration in force stays',
    );
    this.retry = this.options.clock.after(delay, () => this.connect());
    this.options.onChange();
  }

  private enqueue(work: () => Promise<void>): void {
    this.queue = this.queue.then(work).catch((error: unknown) => {
      this.options.log.error({ error: messageOf(error) }, 'xDS update could not be handled');
    });
  }

  /** Requests that follow from one change leave together. */
  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    queueMicrotask(() => {
      this.flushing = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.stream === undefined) return;
    const { protocol } = this.options;
    for (const subscription of this.subscriptions.values()) {
      if (subscription.requested) {
        if (subscription.changed) this.send(protocol.changeRequest(subscription));
        continue;
      }
      const request = protocol.initialRequest(subscription);
      if (request === undefined) continue;
      subscription.requested = true;
      this.send(request);
    }
  }

  private send(request: object): void {
    const first = !this.nodeSent;
    this.nodeSent = true;
    const message = first ? { ...request, node: this.options.node } : request;
    this.stream?.send(this.options.protocol.encode(message));
  }

  private async receive(stream: AdsStream, bytes: Buffer): Promise<void> {
    if (this.stream !== stream) return;
    const response = this.decode(stream, bytes);
    if (response === undefined) return;
    const subscription = this.subscriptions.get(response.typeUrl as ResourceTypeUrl);
    if (subscription === undefined) {
      this.options.log.warn({ type: response.typeUrl }, 'xDS response of a type that was not asked for');
      return;
    }
    this.up = true;
    this.served = true;
    this.backoff.reset();
    const errors = await this.apply(subscription, response);
    if (errors.length > 0) this.options.log.warn({ type: response.typeUrl, errors }, 'xDS resources rejected');
    if (this.stream === stream) this.send(this.options.protocol.answer(subscription, response.nonce, errors));
    this.options.onChange();
  }

  /** A message that cannot be read has no nonce to answer by, so the server would wait for ever: a new stream starts anew. */
  private decode(stream: AdsStream, bytes: Buffer): DecodedResponse | undefined {
    try {
      return this.options.protocol.decode(bytes);
    } catch (error) {
      this.onEnd(stream, `xDS response cannot be decoded: ${messageOf(error)}`);
      stream.close();
      return undefined;
    }
  }

  private async apply(subscription: Subscription, response: DecodedResponse): Promise<readonly ResourceError[]> {
    const wanted = response.resources.filter(({ name }) => subscription.wildcard || subscription.names.has(name));
    const removals = this.removalsOf(subscription, response);
    const upserts = new ReceivedResources(wanted);
    const refused = await this.handle(subscription, { upserts, removals, version: response.version });
    const failed = [...upserts.errors, ...refused];
    const errors = [...response.errors, ...failed];
    const bad = new Set(failed.map(({ resource }) => resource));
    for (const name of removals) forget(subscription, name);
    for (const { name, version } of wanted) if (!bad.has(name)) accept(subscription, name, version);
    subscription.recordErrors(errors);
    subscription.offered = response.version;
    if (errors.length === 0) {
      subscription.version = response.version;
      subscription.accepted++;
      if (this.options.protocol.complete) subscription.errors.clear();
    } else {
      subscription.rejected++;
    }
    subscription.received = true;
    subscription.lastUpdated = this.options.clock.now();
    return errors;
  }

  /**
   * Delta names what is gone. In the state of the world, LDS and CDS responses are complete, so whatever they leave out is
   * gone, unless a resource could not even be decoded: then nobody knows which one that was.
   */
  private removalsOf(subscription: Subscription, response: DecodedResponse): string[] {
    if (response.removed.length > 0) return [...response.removed];
    const complete = this.options.protocol.complete && subscription.wildcard;
    if (!complete || response.errors.length > 0) return [];
    const present = new Set(response.resources.map(({ name }) => name));
    return [...new Set([...subscription.versions.keys(), ...subscription.errors.keys()])].filter(
      (name) => !present.has(name),
    );
  }

  private async applyRemovals(subscription: Subscription, names: readonly string[]): Promise<void> {
    const removals = names.filter((name) => !subscription.names.has(name));
    await this.handle(subscription, { upserts: new Map(), removals, version: subscription.version });
  }

  /** A handler that throws has accepted nothing. */
  private async handle(subscription: Subscription, update: ResourceUpdate): Promise<readonly ResourceError[]> {
    try {
      return (await this.handlers.get(subscription.typeUrl)?.apply(update)) ?? [];
    } catch (error) {
      this.options.log.error({ type: subscription.typeUrl, error: messageOf(error) }, 'xDS handler failed');
      return [...update.upserts.keys()].map((resource) => ({ resource, message: messageOf(error) }));
    }
  }
}

function newSubscription(type: ResourceTypeUrl): Subscription {
  return new Subscription(type, WILDCARDS.has(type));
}

function accept(subscription: Subscription, name: string, version: string): void {
  subscription.versions.set(name, version);
  subscription.missing.delete(name);
  subscription.errors.delete(name);
}

function forget(subscription: Subscription, name: string): void {
  subscription.versions.delete(name);
  subscription.errors.delete(name);
  if (!subscription.wildcard) subscription.missing.add(name);
}
