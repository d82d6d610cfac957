import type { RequestHead, ResponseHead } from '../../http/message.js';
import type { Cluster } from '../../upstream/cluster.js';
import type { PoolDeps } from '../../upstream/http-pool.js';
import { Attempt, type AttemptOwner, wireOf } from './attempt.js';
import { Deadline } from './deadline.js';
import { RequestBody } from './request-body.js';

/** A copy of a request for another cluster; its answer is read and thrown away. */
export class Mirror implements AttemptOwner {
  private abandoned = false;
  private answered = false;
  private attempt: Attempt | undefined = undefined;
  private readonly body = new RequestBody();
  private readonly deadline: Deadline;

  constructor(
    private readonly request: RequestHead,
    private readonly cluster: Cluster,
    private readonly timeoutMs: number,
    private readonly deps: PoolDeps,
  ) {
    this.deadline = new Deadline(deps.clock, deps.timers, () => this.giveUp());
  }

  /** Sends the copy with the whole body, which is shared but not changed. */
  send(body: RequestBody): void {
    if (this.abandoned) return;
    this.abandoned = true;
    const host = this.cluster.chooseHost({ hash: undefined, avoid: [], avoidAttempts: 0 });
    if (host === undefined) {
      this.cluster.traffic.withoutHost++;
      this.cluster.traffic.internal.count(503);
      return;
    }
    body.forEach((chunk) => {
      this.body.push(chunk);
    });
    this.body.trailers = body.trailers;
    this.body.ended = true;
    if (this.timeoutMs > 0) this.deadline.start(this.timeoutMs);
    this.attempt = new Attempt(this, this.cluster, host, wireOf(this.request, this.cluster, 'default'), this.deps);
    this.attempt.start();
  }

  private giveUp(): void {
    this.attempt?.cancel();
    const { traffic } = this.cluster;
    traffic.timeouts++;
    if (!this.answered) traffic.internal.count(504);
  }

  /** Nothing is sent: the body is too large, or never became complete. */
  abandon(): void {
    this.abandoned = true;
  }

  onAttemptReady(attempt: Attempt): void {
    attempt.sendRequest(this.request, this.body);
    this.body.clear();
  }

  onAttemptInformational(): void {}

  onAttemptHead(attempt: Attempt, head: ResponseHead, end: boolean): void {
    if (head.status >= 500) attempt.host.stats.error++;
    else attempt.host.stats.success++;
    this.answered = true;
    this.cluster.traffic.internal.count(head.status);
    if (end) this.deadline.cancel();
  }

  onAttemptData(_chunk: Buffer, end: boolean): void {
    if (end) this.deadline.cancel();
  }

  onAttemptTrailers(): void {
    this.deadline.cancel();
  }

  onAttemptReset(attempt: Attempt): void {
    attempt.host.stats.error++;
    if (!this.answered) this.cluster.traffic.internal.count(503);
    this.deadline.cancel();
  }

  onAttemptDrain(): void {}
}

/**
 * The head of a mirrored request: a copy that says where it comes from, as Envoy's does, with `-shadow` behind the
 * host's name.
 */
export function mirroredHead(request: RequestHead, appendShadow: boolean, localIp: string): RequestHead {
  const headers = request.headers.clone();
  headers.set('x-envoy-internal', 'true');
  const forwardedFor = headers.joined('x-forwarded-for');
  headers.set('x-forwarded-for', forwardedFor === undefined ? localIp : `${forwardedFor},${localIp}`);
  return { ...request, authority: appendShadow ? shadowAuthority(request.authority) : request.authority, headers };
}

function shadowAuthority(authority: string): string {
  const port = /:\d+$/.exec(authority)?.[0] ?? '';
  return `${authority.slice(0, authority.length - port.length)}-shadow${port}`;
}
