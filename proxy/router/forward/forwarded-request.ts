import { FLAG } from '../../http/flags.js';
import { countedStatus } from '../../http/grpc-status.js';
import type { HeaderList } from '../../http/headers.js';
import type { ResponseHead } from '../../http/message.js';
import type { DownstreamStream, LocalReply, RequestHandler, ResetReason } from '../../http/stream.js';
import type { AttemptOutcome, Host } from '../../upstream/cluster.js';
import { Attempt, type AttemptOwner, wireOf } from './attempt.js';
import { Deadline } from './deadline.js';
import {
  NO_HEALTHY_UPSTREAM,
  RETRY_BUFFER_EXCEEDED,
  resetDetails,
  resetFlag,
  resetReply,
  type TimeoutKind,
  timeoutReply,
} from './failure.js';
import { type ForwardPlan, takeHostsName } from './forward-plan.js';
import type { ForwardingDeps } from './forwarding-router.js';
import { RequestBody } from './request-body.js';
import { RequestTimers, type TimeoutOwner } from './request-timers.js';
import { acceptResponse, statusCounts } from './response.js';
import { type RetryDecision, RetryState } from './retry-state.js';
import { replyAttempted } from './route-replies.js';
import { setExpectedTimeout } from './timeouts.js';
import { TriedHosts } from './tried-hosts.js';

/** One request on its way: attempts one after the other, the body that they share, timeouts, and the answer. */
export class ForwardedRequest implements RequestHandler, AttemptOwner, TimeoutOwner {
  private readonly body = new RequestBody();
  private readonly retries: RetryState | undefined;
  private attempt: Attempt | undefined = undefined;
  private backOff: Deadline | undefined = undefined;
  private readonly timers: RequestTimers;
  private tried: TriedHosts | undefined = undefined;
  /** Of the last attempt. */
  private host: Host | undefined = undefined;
  /** Whether the whole body is kept, for retries and mirrors. */
  private keepBody: boolean;
  private mayRetry: boolean;
  private retried = false;
  /** Whether the last attempt was given up for its time. */
  private timedOut = false;
  private started = false;
  private over = false;
  private paused = false;
  /** Monotonic ms at which the request was complete; -1 before. */
  private completeAt = -1;

  constructor(
    private readonly stream: DownstreamStream,
    private readonly plan: ForwardPlan,
    private readonly deps: ForwardingDeps,
  ) {
    const resources = plan.cluster.resources(plan.action.priority);
    this.retries =
      plan.retry === undefined ? undefined : new RetryState(plan.retry, resources, deps.random, plan.route.stats);
    this.timers = new RequestTimers(plan.timeouts, deps, this);
    this.mayRetry = this.retries !== undefined;
    this.keepBody = this.mayRetry || plan.mirrors.length > 0;
  }

  /** The first attempt, at a host that was chosen before the head was prepared. */
  begin(host: Host): void {
    if (this.stream.requestEnded) this.onRequestComplete();
    else this.body.apart = true;
    this.startAttempt(host);
  }

  // What comes from downstream.

  onRequestData(chunk: Buffer, end: boolean): void {
    if (this.over) return;
    const connected = this.attempt?.isConnected === true;
    if (this.keepBody || !connected) this.body.push(chunk);
    if (end) this.onRequestComplete();
    if (this.keepBody && this.body.size > this.deps.bufferLimit && !this.giveUpKeeping()) return;
    if (connected) {
      if (this.attempt?.sendData(chunk, end) === false) this.pause();
      this.timers.touch();
    } else if (this.body.size >= this.deps.pendingLimit) {
      this.pause();
    }
  }

  onRequestTrailers(trailers: HeaderList): void {
    if (this.over) return;
    this.body.trailers = trailers;
    this.onRequestComplete();
    if (this.attempt?.isConnected === true) this.attempt.sendTrailers(trailers);
  }

  onDownstreamReset(): void {
    if (this.over) return;
    this.finish();
  }

  onDownstreamDrain(): void {
    this.attempt?.setReadable(true);
  }

  private onRequestComplete(): void {
    const { body, deps, plan } = this;
    body.ended = true;
    this.completeAt = deps.clock.monotonic();
    this.timers.startGlobal();
    for (const mirror of plan.mirrors) mirror.send(body);
    if (this.attempt?.isConnected === true) this.timers.startTry();
  }

  /** The body is more than may be kept. Returns whether the request goes on. */
  private giveUpKeeping(): boolean {
    this.keepBody = false;
    this.mayRetry = false;
    for (const mirror of this.plan.mirrors) mirror.abandon();
    if (this.attempt === undefined) {
      this.reply(RETRY_BUFFER_EXCEEDED);
      return false;
    }
    if (this.attempt.isConnected) this.body.clear();
    return true;
  }

  private pause(): void {
    if (this.paused || this.body.ended) return;
    this.paused = true;
    this.stream.setReadable(false);
  }

  private resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.stream.setReadable(true);
  }

  // Attempts.

  private startAttempt(host: Host): void {
    const { info } = this.stream;
    info.upstreamHost = host.address;
    info.upstreamHostname = host.hostname ?? '';
    if (host.workload !== undefined && this.plan.cluster.service !== undefined) info.peerWorkload = host.workload;
    this.host = host;
    const { action, cluster } = this.plan;
    this.attempt = new Attempt(this, cluster, host, wireOf(this.stream.request, cluster, action.priority), this.deps);
    this.attempt.start();
  }

  private nextAttempt(): void {
    if (this.over) return;
    const { plan, stream } = this;
    this.retried = true;
    stream.info.attempts++;
    this.tried ??= new TriedHosts(plan);
    if (this.host !== undefined) this.tried.add(this.host);
    const host = plan.cluster.chooseHost(this.tried.context());
    if (host === undefined) {
      plan.cluster.traffic.withoutHost++;
      this.reply(NO_HEALTHY_UPSTREAM);
      return;
    }
    if (!this.quiet) setExpectedTimeout(stream.request, plan.timeouts, this.elapsed());
    if (plan.route.includeIsTimeoutRetryHeader === true) {
      stream.request.headers.set('x-envoy-is-timeout-retry', String(this.timedOut));
    }
    if (plan.action.autoHostRewrite === true) takeHostsName(stream, host, plan.action);
    if (plan.route.includeRequestAttemptCount === true) {
      stream.request.headers.set('x-envoy-attempt-count', String(stream.info.attempts));
    }
    this.startAttempt(host);
  }

  /** Whether Envoy's own headers are not wanted. */
  private get quiet(): boolean {
    return this.stream.suppressEnvoyHeaders === true;
  }

  onAttemptReady(attempt: Attempt): void {
    const { info, request } = this.stream;
    const connection = attempt.pooled;
    if (connection !== undefined) {
      info.upstreamPeer = connection.peer;
      info.upstreamLocalAddress = connection.localAddress;
      info.upstreamProtocol = connection.version;
    }
    this.plan.route.stats?.total.increment();
    if (info.upstreamStart < 0) info.upstreamStart = this.deps.clock.monotonic();
    if (this.body.ended) this.timers.startTry();
    this.timers.startTryIdle();
    this.stream.trace?.beginAttempt(request.headers, attempt.host.address, attempt.cluster.name, this.deps.clock.now());
    attempt.sendRequest(request, this.body);
    if (!this.keepBody) this.body.clear();
    this.resume();
  }

  onAttemptInformational(head: ResponseHead): void {
    this.timers.touch();
    statusCounts(this.plan.cluster, this.stream.request).count(head.status);
    this.stream.sendInformational(head);
  }

  onAttemptHead(attempt: Attempt, head: ResponseHead, end: boolean): void {
    this.timers.onResponse();
    const { host, cluster } = attempt;
    this.stream.trace?.attemptAnswered(head.status);
    const status = countedStatus(head.status, head.headers);
    if (status >= 500) host.stats.error++;
    else host.stats.success++;
    cluster.report(host, { kind: 'response', status });
    if (this.retryResponse(attempt, head)) return;
    this.startResponse(head, end);
  }

  onAttemptData(chunk: Buffer, end: boolean): void {
    this.timers.touch();
    if (end) this.finish();
    const attempt = this.attempt;
    if (!this.stream.sendData(chunk, end) && !end) attempt?.setReadable(false);
  }

  onAttemptTrailers(trailers: HeaderList): void {
    this.finish();
    this.stream.sendTrailers(trailers);
  }

  onAttemptDrain(): void {
    this.resume();
  }

  onAttemptReset(attempt: Attempt, reason: ResetReason, detail: string): void {
    const failure = reason === 'connect-failure' || reason === 'connect-timeout' ? detail : '';
    const { info } = this.stream;
    info.upstreamTransportFailureReason = failure;
    if (reason !== 'overflow') {
      attempt.host.stats.error++;
      attempt.cluster.report(attempt.host, resetOutcome(reason));
    }
    if (this.started) {
      this.breakOff(resetFlag(reason), resetDetails(reason, failure, true));
      return;
    }
    this.attempt = undefined;
    this.timedOut = false;
    this.timers.stopTry();
    const decision = this.mayRetry ? (this.retries?.afterReset(reason, attempt.sent) ?? 'no') : 'no';
    if (decision === 'yes') this.scheduleRetry();
    else {
      this.flagDecision(decision);
      const reply = resetReply(reason, failure, this.retried);
      this.reply(this.quiet ? { ...reply, headers: [] } : reply);
    }
  }

  private retryResponse(attempt: Attempt, head: ResponseHead): boolean {
    if (!this.mayRetry || this.retries === undefined) return false;
    const decision = this.retries.afterResponse(head);
    if (decision !== 'yes') {
      this.flagDecision(decision);
      return false;
    }
    this.attempt = undefined;
    this.timedOut = false;
    attempt.cluster.traffic.retried.count(head.status);
    attempt.cancel();
    this.timers.stopTry();
    this.scheduleRetry();
    return true;
  }

  private flagDecision(decision: RetryDecision): void {
    if (decision === 'limit-exceeded') this.stream.info.flags |= FLAG.URX;
    else if (decision === 'overflow') this.stream.info.flags |= FLAG.UO;
  }

  private scheduleRetry(): void {
    const { deps } = this;
    this.backOff ??= new Deadline(deps.clock, deps.timers, () => this.nextAttempt());
    this.backOff.start(this.retries?.backOff() ?? 0);
  }

  // The response.

  private startResponse(head: ResponseHead, end: boolean): void {
    const { plan, stream, deps } = this;
    this.started = true;
    this.timers.onAccepted();
    this.mayRetry = false;
    this.retries?.release();
    if (this.body.ended || this.attempt?.isConnected === true) this.stopKeeping();
    acceptResponse(plan, stream, head, deps.clock.monotonic(), this.completeAt);
    if (end) this.finish();
    stream.sendHead(head, end);
  }

  /** No retry is possible any more; only mirrors that wait for the end still need the body. */
  private stopKeeping(): void {
    if (this.plan.mirrors.length > 0 && !this.body.ended) return;
    this.keepBody = false;
    this.body.clear();
  }

  private reply(reply: LocalReply): void {
    const { stream, plan } = this;
    this.finish();
    if (reply !== RETRY_BUFFER_EXCEEDED) {
      statusCounts(plan.cluster, stream.request).count(reply.status);
      plan.route.stats?.answered(reply.status);
    }
    replyAttempted(stream, plan.route, plan.choice, reply);
  }

  private breakOff(flags: number, details: string): void {
    const { stream } = this;
    this.finish();
    stream.info.flags |= flags;
    stream.info.responseCodeDetails = details;
    stream.abort(details);
  }

  // Timeouts.

  onTryTimeout(kind: TimeoutKind): void {
    const { traffic } = this.plan.cluster;
    if (kind === 'upstream_per_try_idle_timeout') traffic.tryIdleTimeouts++;
    else traffic.tryTimeouts++;
    const attempt = this.dropTimedOut();
    if (this.started) {
      this.breakOff(FLAG.UT, kind);
      return;
    }
    this.timers.stopTry();
    const sent = attempt?.sent === true;
    const decision = this.mayRetry ? (this.retries?.afterReset('local-reset', sent) ?? 'no') : 'no';
    if (decision === 'yes') {
      this.timedOut = true;
      this.scheduleRetry();
    } else {
      this.flagDecision(decision);
      this.reply(timeoutReply(kind));
    }
  }

  onTimeout(kind: TimeoutKind): void {
    this.plan.route.stats?.timeouts.increment();
    if (this.dropTimedOut() !== undefined) this.plan.cluster.traffic.timeouts++;
    if (this.started) this.breakOff(FLAG.UT, kind);
    else this.reply(timeoutReply(kind));
  }

  private dropTimedOut(): Attempt | undefined {
    const attempt = this.attempt;
    this.attempt = undefined;
    if (attempt === undefined) return undefined;
    attempt.host.stats.timeout++;
    if (!this.started) {
      attempt.host.stats.error++;
      attempt.cluster.report(attempt.host, { kind: 'timeout' });
    }
    attempt.cancel();
    return attempt;
  }

  private elapsed(): number {
    return this.completeAt < 0 ? 0 : this.deps.clock.monotonic() - this.completeAt;
  }

  /** Ends everything that belongs to the request; an attempt that is under way is given up. */
  private finish(): void {
    this.over = true;
    this.timers.stop();
    this.backOff?.cancel();
    this.retries?.release();
    this.body.clear();
    if (!this.body.ended) for (const mirror of this.plan.mirrors) mirror.abandon();
    const attempt = this.attempt;
    this.attempt = undefined;
    attempt?.cancel();
  }
}

function resetOutcome(reason: ResetReason): AttemptOutcome {
  return { kind: reason === 'connect-failure' || reason === 'connect-timeout' ? 'connect-failure' : 'reset' };
}
