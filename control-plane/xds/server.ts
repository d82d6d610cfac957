import { type ServerDuplexStream, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { ISSUER_PREFIX, SECRET_ROOT } from '../../common/xds/names.js';
import { messageNameOf, TYPE } from '../../common/xds/type-urls.js';
import { type ClientGuard, TooManyRefusals } from '../ca/client-guard.js';
import { isUndecided, type TokenVerifier, type VerifiedCaller } from '../ca/tokens.js';
import type { ProxyTrust } from '../ca/trust-view.js';
import type { ProxyNode } from '../model/proxy-node.js';
import { Admission } from './admission.js';
import { checkAccount, checkCaller, ForeignNodeError } from './caller.js';
import { type EncodedResources, ResourceEncoder } from './encoded.js';
import { atExpiry } from './expiry.js';
import { type NodeMessage, readNode } from './node.js';
import { delta, type Protocol, stateOfTheWorld } from './protocol.js';
import { type AnyRequest, ProxyStream, type ProxyStreamEvents } from './proxy-stream.js';
import { PushQueue } from './push-queue.js';
import type { ProxyResources } from './resources.js';
import { bearerToken } from './rpc.js';
import type { ProxyStatus } from './status.js';
import type { Rejection } from './watch.js';

const CONCURRENT_PUSHES = 16;
/** So many proxies get their first configuration at a time: each may be megabytes that wait in memory for it to read. */
const FIRST_CONFIGURATIONS = 32;
/** Of one connection, which is one proxy's. */
const FIRST_OF_ONE = 2;
/** Who takes longer over it, or asks for nothing, makes room for the next, ms. */
const FIRST_PATIENCE_MS = 5000;
const SILENT_PATIENCE_MS = 500;
/** Who opens a stream has something to ask for at once. */
const FIRST_REQUEST_MS = 30_000;
/** A pod has one stream, and for a moment those that broke without a word. */
const STREAMS_PER_POD = 16;
/** Tokens of this machine name an account only. */
const STREAMS_PER_ACCOUNT = 2048;

export interface AdsEvents extends Omit<ProxyStreamEvents, 'rejected'> {
  connected(node: ProxyNode): void;
  disconnected(node: ProxyNode): void;
  rejected(node: ProxyNode, typeUrl: string, rejection: Rejection): void;
  /** A proxy's resources could not be made. */
  internalError(): void;
  /** A proxy's resources were made; how long (ms) it had waited for that, and how long it took. */
  generated(waitedMs: number, tookMs: number): void;
}

export interface AdsServerOptions {
  /**
   * What a proxy should have now; a proxyless client gets the listeners that it asks for by name. What it throws leaves
   * the proxy with what it has.
   */
  readonly generate: (node: ProxyNode, listenerNames: readonly string[]) => ProxyResources;
  readonly verifier: TokenVerifier;
  readonly guard: ClientGuard;
  /** The service account that a workload runs as, by the configuration; undefined for one that it does not know. */
  readonly accountOf?: (namespace: string, workload: string) => string | undefined;
  readonly events: AdsEvents;
  readonly clock: Clock;
  /** Spreads what would happen to all proxies at once. */
  readonly random?: Random;
  readonly log: Logger;
}

type Call<Req, Res> = ServerDuplexStream<Req, Res>;
type Stream = Pick<
  ProxyStream<AnyRequest, unknown>,
  'node' | 'push' | 'taken' | 'close' | 'status' | 'resources' | 'subscribed' | 'saysOf' | 'openedAt'
>;
/** Ends a call with a status. */
type Hangup = (code: status, details: string) => void;

/** The Aggregated Discovery Service: one {@link ProxyStream} for every connected proxy, and pushes to all of them. */
export class AdsServer {
  private readonly streams = new Set<Stream>();
  private readonly queue = new PushQueue<Stream>(CONCURRENT_PUSHES, (stream) => this.refresh(stream));
  private readonly encoder = new ResourceEncoder();
  private readonly admission = new Admission(FIRST_CONFIGURATIONS, FIRST_OF_ONE);
  /** Those that showed a token: they get no other account's configuration, even when it moves under their name. */
  private readonly authenticated = new WeakSet<Stream>();
  /** How many streams each of these has. */
  private readonly held = new Map<string, number>();
  private readonly calls = new Set<Hangup>();
  private closing = false;
  private changedAt = 0;

  constructor(private readonly options: AdsServerOptions) {}

  /** `trusted`: callers need no token, because only this machine reaches the port. */
  handlers(trusted: boolean): UntypedServiceImplementation {
    return {
      StreamAggregatedResources: (call: Call<AnyRequest, never>) => this.accept(call, stateOfTheWorld, trusted),
      DeltaAggregatedResources: (call: Call<AnyRequest, never>) => this.accept(call, delta, trusted),
    };
  }

  /** Brings every proxy up to date; returns at once. */
  pushAll(): void {
    this.changedAt = this.options.clock.monotonic();
    for (const stream of this.streams) this.queue.add(stream);
  }

  /** Sends every client away, to another replica, and takes no new one. Returns at once. */
  close(): void {
    this.closing = true;
    for (const hangUp of this.calls) hangUp(status.UNAVAILABLE, 'this control plane stops');
  }

  proxies(): ProxyStatus[] {
    return [...this.streams].map((stream) => stream.status());
  }

  /** Whom the proxies trust, and whose certificates they have, as far as they say. Proxyless clients have agents for that. */
  trust(): ProxyTrust[] {
    return [...this.streams].filter(({ node }) => node.dataPlane !== 'grpc').map(trustOf);
  }

  /** What we send to a proxy, by its node ID, or by `namespace/workload`. */
  resourcesOf(id: string): EncodedResources | undefined {
    for (const { node, resources } of this.streams) {
      if (node.id === id || `${node.namespace}/${node.workload}` === id) return resources;
    }
    return undefined;
  }

  /** Resolves when the proxy has taken what was sent, so that few large pushes wait in memory at a time. */
  private refresh(stream: Stream): void | Promise<void> {
    if (!this.streams.has(stream)) return undefined;
    const { clock, events, generate } = this.options;
    const started = clock.monotonic();
    try {
      const proven = this.authenticated.has(stream);
      if (proven) this.checkWorkload(stream.node);
      const made = generate(stream.node, stream.subscribed(TYPE.listener));
      stream.push(this.encoder.encode(proven ? made : withoutSecrets(made)));
      events.generated(started - Math.max(this.changedAt, stream.openedAt), clock.monotonic() - started);
      return stream.taken();
    } catch (error) {
      this.options.events.internalError();
      this.options.log.error({ err: error, proxy: stream.node.id }, 'could not make the configuration of a proxy');
    }
    return undefined;
  }

  private accept<Req extends AnyRequest, Res>(
    call: Call<Req, Res>,
    protocol: Protocol<Req, Res>,
    trusted: boolean,
  ): void {
    let stream: ProxyStream<Req, Res> | undefined;
    let expiry: Timer | undefined;
    let silence: Timer | undefined;
    let impatience: Timer | undefined;
    let leave = (): void => {};
    let release = (): void => {};
    const end = (): void => {
      this.calls.delete(hangUp);
      expiry?.cancel();
      silence?.cancel();
      impatience?.cancel();
      leave();
      release();
      if (stream !== undefined && this.streams.delete(stream)) {
        stream.close();
        this.queue.remove(stream);
        this.options.events.disconnected(stream.node);
      }
      stream = undefined;
    };
    const hangUp: Hangup = (code, details) => {
      end();
      call.emit('error', { code, details });
    };
    const fail = (code: status, error: unknown): void => {
      const reason = messageOf(error);
      this.options.guard.refused(call.getPeer(), { message: 'refused an xDS stream', status: status[code], reason });
      hangUp(code, messageOf(error));
    };
    if (this.closing) {
      fail(status.UNAVAILABLE, new Error('this control plane stops'));
      return;
    }
    this.calls.add(hangUp);
    call.on('end', () => {
      end();
      call.end();
    });
    call.on('cancelled', end);
    call.on('error', end);
    call.on('close', end);
    this.authenticate(call, trusted).then(
      (caller) => {
        if (call.cancelled) return;
        try {
          if (caller !== undefined) release = this.hold(holderOf(caller), caller.pod === undefined);
        } catch (error) {
          fail(codeOf(error), error);
          return;
        }
        expiry = this.expiry(caller, () => {
          // Every client connects again by itself, with the token that it has by then.
          this.options.log.info({ peer: call.getPeer() }, 'ended an xDS stream whose token has expired');
          hangUp(status.UNAUTHENTICATED, 'the token of this stream has expired');
        });
        const served = (): void => {
          impatience?.cancel();
          leave();
        };
        // Until there is a place nothing is read, so that what a client sends waits at the client.
        const listen = (): void => {
          silence = this.options.clock.after(FIRST_REQUEST_MS, () => {
            fail(status.DEADLINE_EXCEEDED, new Error('the stream asks for nothing'));
          });
          impatience = this.options.clock.after(SILENT_PATIENCE_MS, served);
          call.on('data', (request: Req & { readonly node?: NodeMessage }) => {
            try {
              if (stream === undefined) {
                silence?.cancel();
                impatience?.cancel();
                impatience = this.options.clock.after(FIRST_PATIENCE_MS, served);
              }
              stream ??= this.open(call, protocol, request.node, caller, served);
              this.receive(stream, request);
            } catch (error) {
              fail(codeOf(error), error);
            }
          });
        };
        leave = this.admission.enter(call.getPeer(), listen);
      },
      (error: unknown) => fail(codeOfCaller(error), error),
    );
  }

  private receive<Req extends AnyRequest>(stream: ProxyStream<Req, unknown>, request: Req): void {
    if (stream.node.dataPlane !== 'grpc' || stream.resources === undefined) {
      stream.receive(request);
      return;
    }
    const before = stream.subscribed(TYPE.listener).join();
    stream.receive(request);
    // Before anything is sent: to such a client an answer without its listener means that there is none.
    if (stream.subscribed(TYPE.listener).join() !== before) void this.refresh(stream);
  }

  private expiry(caller: VerifiedCaller | undefined, expired: () => void): Timer | undefined {
    if (caller?.expiresAt === undefined) return undefined;
    const { clock, random = Math.random } = this.options;
    return atExpiry(caller.expiresAt, clock, random, expired);
  }

  private async authenticate(call: Call<unknown, unknown>, trusted: boolean): Promise<VerifiedCaller | undefined> {
    if (trusted) return undefined;
    const token = bearerToken(call);
    const { guard, verifier } = this.options;
    guard.admit(call.getPeer(), token);
    if (token === undefined) throw new Error('there is no bearer token');
    const caller = await verifier.verify(token);
    guard.proved(token);
    return caller;
  }

  private open<Req extends AnyRequest, Res>(
    call: Call<Req, Res>,
    protocol: Protocol<Req, Res>,
    message: NodeMessage | undefined,
    caller: VerifiedCaller | undefined,
    served: () => void,
  ): ProxyStream<Req, Res> {
    if (call.cancelled || this.closing) throw new Error('the stream is over');
    const node = readNode(message ?? {});
    if (caller !== undefined) {
      checkCaller(node, caller);
      this.checkWorkload(node);
    }
    const stream = new ProxyStream<Req, Res>(node, call, protocol, this.streamEvents(served), this.options.clock);
    this.streams.add(stream);
    if (caller !== undefined) this.authenticated.add(stream);
    this.options.events.connected(node);
    this.options.log.info({ proxy: node.id, dataPlane: node.dataPlane, delta: protocol.delta }, 'a proxy connected');
    this.queue.add(stream);
    return stream;
  }

  /** Counts a stream as its holder's; returns what ends that. @throws RangeError when it has enough. */
  private hold(holder: string, isAccount: boolean): () => void {
    const held = this.held.get(holder) ?? 0;
    if (held >= (isAccount ? STREAMS_PER_ACCOUNT : STREAMS_PER_POD)) {
      throw new RangeError(`${holder} has ${held} streams already`);
    }
    this.held.set(holder, held + 1);
    let over = false;
    return () => {
      if (over) return;
      over = true;
      const left = (this.held.get(holder) ?? 0) - 1;
      if (left > 0) this.held.set(holder, left);
      else this.held.delete(holder);
    };
  }

  private checkWorkload(node: ProxyNode): void {
    checkAccount(node, this.options.accountOf?.(node.namespace, node.workload));
  }

  private streamEvents(served: () => void): ProxyStreamEvents {
    const { events, log } = this.options;
    return {
      sent: (typeUrl, bytes) => events.sent(typeUrl, bytes),
      expiredNonce: (typeUrl) => events.expiredNonce(typeUrl),
      converged: (ms) => {
        served();
        events.converged(ms);
      },
      accepted: (node, typeUrl) => events.accepted(node, typeUrl),
      rejected: (node, typeUrl, rejection) => {
        const resources = [...rejection.resources.keys()];
        log.error(
          { proxy: node.id, type: messageNameOf(typeUrl), resources, reason: rejection.reason },
          'a proxy rejected its configuration',
        );
        events.rejected(node, typeUrl, rejection);
      },
    };
  }
}

function trustOf(stream: Pick<Stream, 'node' | 'saysOf' | 'subscribed'>): ProxyTrust {
  const says = stream.saysOf(TYPE.trustBundle, SECRET_ROOT);
  const issuer = stream.subscribed(TYPE.trustBundle).find((name) => name.startsWith(ISSUER_PREFIX));
  return {
    id: stream.node.id,
    tells: says !== undefined,
    current: says?.current ?? false,
    refusal: says?.refusal ?? '',
    issuer: issuer?.slice(ISSUER_PREFIX.length),
  };
}

function holderOf({ namespace, serviceAccount, pod }: VerifiedCaller): string {
  return pod === undefined ? `the account ${namespace}/${serviceAccount}` : `the pod ${namespace}/${pod}`;
}

function codeOfCaller(error: unknown): status {
  if (error instanceof TooManyRefusals) return status.RESOURCE_EXHAUSTED;
  return isUndecided(error) ? status.UNAVAILABLE : status.UNAUTHENTICATED;
}

function codeOf(error: unknown): status {
  if (error instanceof ForeignNodeError) return status.PERMISSION_DENIED;
  return error instanceof RangeError ? status.RESOURCE_EXHAUSTED : status.INVALID_ARGUMENT;
}

/** Who has proved nothing gets no keys. */
function withoutSecrets(made: ProxyResources): ProxyResources {
  return new Map([...made].filter(([typeUrl]) => typeUrl !== TYPE.secret));
}
