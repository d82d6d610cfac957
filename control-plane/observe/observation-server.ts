import { type ServerDuplexStream, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { formatSpiffeId } from '../../common/identity/spiffe.js';
import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import type { FromProxy__Output } from '../../proto/gen/weft/observe/v1/FromProxy.js';
import type { ToProxy } from '../../proto/gen/weft/observe/v1/ToProxy.js';
import { type ClientGuard, TooManyRefusals } from '../ca/client-guard.js';
import { isUndecided, type TokenVerifier, type VerifiedCaller } from '../ca/tokens.js';
import type { ProxyNode } from '../model/proxy-node.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { checkAccount, checkCaller, ForeignNodeError } from '../xds/caller.js';
import { atExpiry } from '../xds/expiry.js';
import { type NodeMessage, readNode } from '../xds/node.js';
import { bearerToken } from '../xds/rpc.js';
import type { EdgeStore } from './edge-store.js';
import { ObservedStream, type OwnNames } from './observed-proxy.js';

export interface ObservationOptions {
  readonly snapshot: () => MeshSnapshot | undefined;
  readonly verifier: TokenVerifier;
  readonly guard: ClientGuard;
  readonly store: EdgeStore;
  readonly clock: Clock;
  readonly random?: Random;
  readonly log: Logger;
}

/** How often samples come when nobody looks, and while somebody does. */
const IDLE_MS = 5000;
const WATCHED_MS = 2000;
/** A sample is a little late. */
const SLACK_MS = 500;
/** Somebody who looked is taken to look on for so long. */
const INTEREST_MS = 30_000;

type Call = ServerDuplexStream<FromProxy__Output, ToProxy>;

/** Takes what sidecars tell, each with the proof of who it is that its ADS stream has, and asks them. */
export class ObservationServer {
  /** By `namespace/pod`; the newest stream of a proxy counts. */
  private readonly streams = new Map<string, ObservedStream>();
  private readonly calls = new Set<() => void>();
  private interest: Timer | undefined;
  private watchedSince = 0;
  private closing = false;

  constructor(private readonly options: ObservationOptions) {}

  handlers(): UntypedServiceImplementation {
    return { Observe: (call: Call) => this.accept(call) };
  }

  /** The sidecar of `namespace/pod`, when it is connected here. */
  proxy(key: string): ObservedStream | undefined {
    return this.streams.get(key);
  }

  proxies(): Iterable<ObservedStream> {
    return this.streams.values();
  }

  /** How long it takes until everybody has told what happens now, ms. */
  get lagMs(): number {
    const since = this.options.clock.monotonic() - this.watchedSince;
    return this.interest !== undefined && since > IDLE_MS + SLACK_MS ? WATCHED_MS + SLACK_MS : IDLE_MS + SLACK_MS;
  }

  /** Somebody looks: samples come more often for a while. */
  watched(): void {
    const first = this.interest === undefined;
    this.interest?.cancel();
    this.interest = this.options.clock.after(INTEREST_MS, () => {
      this.interest = undefined;
      for (const stream of this.streams.values()) stream.pace(IDLE_MS);
    });
    if (!first) return;
    this.watchedSince = this.options.clock.monotonic();
    for (const stream of this.streams.values()) stream.pace(WATCHED_MS);
  }

  /** Sends everybody away, to another replica. */
  close(): void {
    this.closing = true;
    this.interest?.cancel();
    for (const hangUp of this.calls) hangUp();
  }

  private accept(call: Call): void {
    let stream: ObservedStream | undefined;
    let expiry: Timer | undefined;
    const end = (): void => {
      this.calls.delete(leave);
      expiry?.cancel();
      if (stream !== undefined) this.remove(stream);
      stream = undefined;
    };
    const hangUp = (code: status, details: string): void => {
      end();
      call.emit('error', { code, details });
    };
    const leave = (): void => hangUp(status.UNAVAILABLE, 'this control plane stops');
    const refuse = (error: unknown): void => {
      const what = {
        message: 'refused an observation stream',
        status: status[codeOf(error)],
        reason: messageOf(error),
      };
      this.options.guard.refused(call.getPeer(), what);
      hangUp(codeOf(error), messageOf(error));
    };
    if (this.closing) {
      leave();
      return;
    }
    this.calls.add(leave);
    call.on('end', () => {
      end();
      call.end();
    });
    for (const event of ['cancelled', 'error', 'close']) call.on(event, end);
    this.authenticate(call).then((caller) => {
      if (call.cancelled) return;
      const { clock, random = Math.random } = this.options;
      if (caller.expiresAt !== undefined)
        expiry = atExpiry(caller.expiresAt, clock, random, () =>
          hangUp(status.UNAUTHENTICATED, 'the token of this stream has expired'),
        );
      call.on('data', (message: FromProxy__Output) => {
        try {
          if (stream === undefined) stream = this.open(call, message, caller);
          else this.receive(stream, message);
        } catch (error) {
          refuse(error);
        }
      });
    }, refuse);
  }

  private async authenticate(call: Call): Promise<VerifiedCaller> {
    const token = bearerToken(call);
    if (token === undefined) throw new Refusal(status.UNAUTHENTICATED, 'there is no bearer token');
    const { guard, verifier } = this.options;
    try {
      guard.admit(call.getPeer(), token);
      const caller = await verifier.verify(token);
      guard.proved(token);
      return caller;
    } catch (error) {
      if (error instanceof TooManyRefusals) throw new Refusal(status.RESOURCE_EXHAUSTED, error.message);
      throw new Refusal(isUndecided(error) ? status.UNAVAILABLE : status.UNAUTHENTICATED, messageOf(error));
    }
  }

  private open(call: Call, { hello }: FromProxy__Output, caller: VerifiedCaller): ObservedStream {
    if (hello === undefined) throw new Error('the first message says who it is');
    const node = readNode((hello.node ?? {}) as NodeMessage);
    checkCaller(node, caller);
    const snapshot = this.options.snapshot();
    checkAccount(node, snapshot?.workloads.get(`${node.namespace}/${node.workload}`)?.serviceAccount);
    const stream = new ObservedStream(node, ownNames(node, snapshot), (message) => call.write(message));
    const before = this.streams.get(stream.key);
    this.streams.set(stream.key, stream);
    before?.close();
    stream.pace(this.interest === undefined ? IDLE_MS : WATCHED_MS);
    return stream;
  }

  private receive(stream: ObservedStream, { sample, answer }: FromProxy__Output): void {
    if (answer) stream.answer(answer);
    if (!sample) return;
    const { store, clock } = this.options;
    for (const edge of stream.sample(sample, clock.now())) store.add(stream.key, edge, sample.interval_ms ?? 0);
  }

  private remove(stream: ObservedStream): void {
    stream.close();
    if (this.streams.get(stream.key) !== stream) return;
    this.streams.delete(stream.key);
    this.options.store.gone(stream.key);
  }
}

class Refusal extends Error {
  constructor(
    readonly code: status,
    message: string,
  ) {
    super(message);
  }
}

function codeOf(error: unknown): status {
  if (error instanceof Refusal) return error.code;
  return error instanceof ForeignNodeError ? status.PERMISSION_DENIED : status.INVALID_ARGUMENT;
}

function ownNames(node: ProxyNode, snapshot: MeshSnapshot | undefined): OwnNames {
  const known = snapshot?.workloads.get(`${node.namespace}/${node.workload}`);
  return {
    workload: known?.workloadName ?? node.metadata?.['WORKLOAD_NAME'] ?? node.workload,
    namespace: node.namespace,
    principal: formatSpiffeId({
      trustDomain: snapshot?.settings.trustDomain ?? 'cluster.local',
      namespace: node.namespace,
      serviceAccount: node.serviceAccount,
    }),
  };
}
