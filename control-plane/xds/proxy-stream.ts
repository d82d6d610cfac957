import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { TYPE } from '../../common/xds/type-urls.js';
import type { ProxyNode } from '../model/proxy-node.js';
import type { EncodedMap, EncodedResource, EncodedResources } from './encoded.js';
import type { Protocol, Reply } from './protocol.js';
import { type ProxyStatus, SHORT_NAMES, type ShortName, typeStatus } from './status.js';
import { hasWildcard, type Rejection, Watch } from './watch.js';

/** Members that requests of both protocols share. */
export interface AnyRequest {
  readonly type_url?: string;
  readonly response_nonce?: string;
  readonly error_detail?: { readonly message?: string };
}

export interface ProxyStreamEvents {
  sent(typeUrl: string, bytes: number): void;
  accepted(node: ProxyNode, typeUrl: string): void;
  rejected(node: ProxyNode, typeUrl: string, rejection: Rejection): void;
  expiredNonce(typeUrl: string): void;
  /** Everything of a push has been acknowledged, this long (ms) after it began. */
  converged(ms: number): void;
}

const NOTHING: EncodedMap = new Map();
/** What routes and listeners refer to; has to be accepted before they are sent. */
const REFERRED = [TYPE.cluster, TYPE.endpoint];
const REFERRING = [TYPE.listener, TYPE.route];
const REMOVAL_ORDER = [TYPE.listener, TYPE.route, TYPE.cluster, TYPE.endpoint, TYPE.secret];
const MAX_TYPES = 32;
/** Octets: more than this is worth waiting for. */
const MUCH = 65_536;
/** A client that does not answer for a type holds the others up no longer than this. */
const PATIENCE_MS = 5000;

/**
 * One ADS stream after its first request: sends the difference between what the proxy has and what it should have, make
 * before break: clusters and endpoints, then listeners and routes once those are accepted, removals when nothing names
 * them any more. A newer target simply replaces the one under way.
 */
export class ProxyStream<Req extends AnyRequest, Res> {
  readonly connectedAt: number;
  /** Monotonic. */
  readonly openedAt: number;
  private readonly watches = new Map<string, Watch>();
  private target: EncodedResources | undefined;
  private pushedAt: number | undefined;
  private nonces = 0;
  private congested = false;
  /** Octets that have not left for the client. */
  private unsent = 0;
  private onTaken: (() => void) | undefined;
  private scheduled: NodeJS.Immediate | undefined;
  private patience: Timer | undefined;
  private impatient = false;
  private closed = false;

  constructor(
    readonly node: ProxyNode,
    private readonly call: Pick<ServerDuplexStream<Req, Res>, 'write' | 'once'>,
    private readonly protocol: Protocol<Req, Res>,
    private readonly events: ProxyStreamEvents,
    private readonly clock: Clock,
  ) {
    this.connectedAt = clock.now();
    this.openedAt = clock.monotonic();
  }

  close(): void {
    this.closed = true;
    if (this.scheduled !== undefined) clearImmediate(this.scheduled);
    this.patience?.cancel();
    this.onTaken?.();
  }

  /** Replaces what the proxy should have. */
  push(target: EncodedResources): void {
    this.target = target;
    this.pushedAt ??= this.clock.monotonic();
    // A schedule that is there already waits for what else arrives.
    if (this.scheduled === undefined) this.advance();
  }

  /** Undefined when little waits to be taken by the client; else resolves when it has taken it, or was given time enough. */
  taken(): Promise<void> | undefined {
    if (this.unsent < MUCH || this.closed) return undefined;
    return new Promise((resolve) => {
      const timer = this.clock.after(PATIENCE_MS, () => this.onTaken?.());
      this.onTaken = () => {
        this.onTaken = undefined;
        timer.cancel();
        resolve();
      };
    });
  }

  /** Takes in a subscription, an ACK or a NACK. Throws a RangeError for a client that asks for too much. */
  receive(request: Req): void {
    const typeUrl = request.type_url ?? '';
    let watch = this.watches.get(typeUrl);
    const first = watch === undefined;
    if (watch === undefined) {
      if (this.watches.size >= MAX_TYPES) throw new RangeError('too many resource types');
      watch = new Watch(typeUrl);
      this.watches.set(typeUrl, watch);
    }
    const nonce = request.response_nonce ?? '';
    const stale = !first && nonce !== '' && nonce !== watch.lastNonce;
    if (stale) this.events.expiredNonce(typeUrl);
    else if (nonce !== '' && nonce === watch.outstanding?.nonce) this.answered(watch, request);
    else if (this.isPardon(watch, nonce, request)) {
      watch.pardon();
      this.events.accepted(this.node, typeUrl);
    }
    // A stale state-of-the-world request is overtaken by the answer to come; delta wishes are increments and always count.
    if (!stale || this.protocol.delta) this.protocol.subscribe(watch, request, first);
    this.schedule();
  }

  /** Second thoughts: what was refused could be used after all, such as an address that was taken. Other delta requests have no nonce. */
  private isPardon(watch: Watch, nonce: string, request: Req): boolean {
    return this.protocol.delta && nonce !== '' && watch.rejection !== undefined && request.error_detail === undefined;
  }

  private answered(watch: Watch, request: Req): void {
    if (request.error_detail === undefined) {
      watch.acknowledge();
      this.events.accepted(this.node, watch.typeUrl);
      return;
    }
    const reason = request.error_detail.message ?? 'no reason given';
    this.events.rejected(this.node, watch.typeUrl, watch.reject(reason, this.clock.now()));
  }

  /** Waits for what else arrives in this turn: the ACK of clusters and the wish for their endpoints come together. */
  private schedule(): void {
    if (this.closed) return;
    this.scheduled ??= setImmediate(() => {
      this.scheduled = undefined;
      this.advance();
    });
  }

  private advance(): void {
    if (this.target === undefined || this.congested || this.closed) return;
    for (const typeUrl of REFERRED) this.sendAdditions(typeUrl);
    if (this.settled(REFERRED) || this.impatient) {
      for (const typeUrl of [...REFERRING, ...this.otherTypes()]) this.sendAdditions(typeUrl);
    }
    if ((this.settled(this.watches.keys()) || this.impatient) && !this.referringRejected()) {
      for (const typeUrl of REMOVAL_ORDER) {
        this.sendRemovals(typeUrl);
        if (!this.settled([typeUrl])) break;
      }
    }
    this.watchProgress();
  }

  private otherTypes(): string[] {
    const known: readonly string[] = [...REFERRED, ...REFERRING];
    return [...this.watches.keys()].filter((typeUrl) => !known.includes(typeUrl));
  }

  private settled(typeUrls: Iterable<string>): boolean {
    for (const typeUrl of typeUrls) if (this.watches.get(typeUrl)?.outstanding !== undefined) return false;
    return true;
  }

  /** Old listeners and routes are still in force, and may name what was to be removed. */
  private referringRejected(): boolean {
    return REFERRING.some((typeUrl) => this.watches.get(typeUrl)?.refuses(this.targetOf(typeUrl)) === true);
  }

  private sendAdditions(typeUrl: string): void {
    const watch = this.watches.get(typeUrl);
    if (watch === undefined || watch.outstanding !== undefined) return;
    const target = this.targetOf(typeUrl);
    const { upserts, missing, removed } = watch.difference(target);
    const absent = this.protocol.delta ? missing : [];
    if (upserts.length === 0 && absent.length === 0 && !watch.owed) {
      watch.settle(target, removed);
      return;
    }
    const complete = !this.protocol.delta && hasWildcard(typeUrl);
    if (typeUrl === TYPE.cluster) this.forgetEndpoints(watch, upserts);
    const resources = complete ? watch.everything(target, true) : upserts;
    watch.settle(target, removed);
    this.send(watch, resources, absent, upserts);
  }

  private sendRemovals(typeUrl: string): void {
    const watch = this.watches.get(typeUrl);
    if (watch === undefined || watch.outstanding !== undefined) return;
    const target = this.targetOf(typeUrl);
    const { removed } = watch.difference(target);
    if (removed.length === 0) return;
    if (this.protocol.delta) this.send(watch, [], removed, []);
    else if (hasWildcard(typeUrl)) this.send(watch, watch.everything(target, false), removed, []);
    // State of the world cannot withdraw these; the client lets go of them with what named them.
    else for (const name of removed) watch.drop(name);
  }

  /** A cluster that is replaced waits for its endpoints anew, though their content is the same. */
  private forgetEndpoints(clusters: Watch, upserts: readonly EncodedResource[]): void {
    const endpoints = this.watches.get(TYPE.endpoint);
    if (endpoints === undefined) return;
    for (const { name, message } of upserts) {
      if (clusters.has(name)) endpoints.forget(endpointName(name, message));
    }
  }

  private targetOf(typeUrl: string): EncodedMap {
    return this.target?.get(typeUrl) ?? NOTHING;
  }

  private send(
    watch: Watch,
    resources: readonly EncodedResource[],
    removed: readonly string[],
    changed: readonly EncodedResource[],
  ): void {
    const nonce = String(++this.nonces);
    watch.recordSent(nonce, removed, changed);
    const reply: Reply = { typeUrl: watch.typeUrl, nonce, version: watch.sentVersion ?? '', resources, removed };
    const size = resources.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.events.sent(watch.typeUrl, size);
    this.unsent += size;
    const left = (): void => {
      this.unsent -= size;
      if (this.unsent < MUCH) this.onTaken?.();
    };
    if (this.call.write(this.protocol.toResponse(reply), left)) return;
    this.congested = true;
    this.call.once('drain', () => {
      this.congested = false;
      this.schedule();
    });
  }

  private watchProgress(): void {
    if (this.settled(this.watches.keys())) {
      this.patience?.cancel();
      this.patience = undefined;
      this.impatient = false;
      if (this.pushedAt !== undefined && this.watches.size > 0) {
        this.events.converged(this.clock.monotonic() - this.pushedAt);
        this.pushedAt = undefined;
      }
    } else if (!this.impatient) {
      this.patience ??= this.clock.after(PATIENCE_MS, () => {
        this.patience = undefined;
        this.impatient = true;
        this.schedule();
      });
    }
  }

  status(): ProxyStatus {
    const entries = Object.entries(SHORT_NAMES).map(([short, typeUrl]) => {
      const watch = this.watches.get(typeUrl);
      const change = watch?.difference(this.targetOf(typeUrl));
      return [short, typeStatus(watch, (change?.upserts.length ?? 0) + (change?.removed.length ?? 0) > 0)];
    });
    const { id, namespace, workload, dataPlane, version } = this.node;
    return {
      id,
      namespace,
      workload,
      dataPlane,
      ...(version === undefined ? {} : { version }),
      protocol: this.protocol.delta ? 'delta' : 'sotw',
      connectedAt: new Date(this.connectedAt).toISOString(),
      types: Object.fromEntries(entries) as Record<ShortName, ReturnType<typeof typeStatus>>,
    };
  }

  /** What the proxy should have, by type; undefined before the first push. */
  get resources(): EncodedResources | undefined {
    return this.target;
  }

  /** What the proxy has said about a resource that it should have: nothing, that it has the newest, or why it refuses it. */
  saysOf(typeUrl: string, name: string): { readonly current: boolean; readonly refusal: string } | undefined {
    const watch = this.watches.get(typeUrl);
    const version = this.targetOf(typeUrl).get(name)?.version;
    if (watch === undefined || !watch.wants(name)) return undefined;
    const refused = watch.rejection?.resources.has(name) === true;
    return {
      current: version !== undefined && !refused && watch.hasAccepted(name, version),
      refusal: refused ? (watch.rejection?.reason ?? '') : '',
    };
  }

  /** The names that the proxy asks for; `*` is all of them. */
  subscribed(typeUrl: string): readonly string[] {
    return this.watches.get(typeUrl)?.subscribed ?? [];
  }
}

/** By which name a cluster of type EDS asks for its endpoints (Cluster.eds_cluster_config.service_name). */
function endpointName(name: string, cluster: object): string {
  const { eds_cluster_config: eds } = cluster as { eds_cluster_config?: { service_name?: string } };
  return eds?.service_name === undefined || eds.service_name === '' ? name : eds.service_name;
}
