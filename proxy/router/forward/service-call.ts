import { HeaderList } from '../../http/headers.js';
import type { RequestHead, ResponseHead } from '../../http/message.js';
import type { ResetReason } from '../../http/stream.js';
import type { Clusters } from '../../upstream/cluster.js';
import type { PoolDeps } from '../../upstream/http-pool.js';
import { Attempt, type AttemptOwner, wireOf } from './attempt.js';
import { Deadline } from './deadline.js';
import { RequestBody } from './request-body.js';

/** A request of the proxy's own, as Envoy's async client sends them: for keys, authorization and spans. */
export interface ServiceRequest {
  readonly cluster: string;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly authority: string;
  readonly headers?: Iterable<readonly [name: string, value: string]>;
  readonly body?: Buffer;
  /** For all of it, the connection included; ms. */
  readonly timeoutMs: number;
  /** Bytes of the answer's body that are taken (default 1 MiB); more is a failure. */
  readonly maxBytes?: number;
}

export interface ServiceAnswer {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer;
  readonly trailers: HeaderList | undefined;
}

export type ServiceFailure = ResetReason | 'no-cluster' | 'no-host' | 'timeout' | 'too-large' | 'cancelled';

/** No answer came. `reason` tells what a caller may decide by; the message is for people. */
export class ServiceCallError extends Error {
  override readonly name = 'ServiceCallError';

  constructor(
    readonly cluster: string,
    readonly reason: ServiceFailure,
    detail = '',
  ) {
    super(`${cluster}: ${reason}${detail === '' ? '' : `: ${detail}`}`);
  }
}

/** A call under way: it may be given up by who waits for it. */
export interface ServiceCall {
  /** Rejects with {@link ServiceCallError}. */
  readonly answer: Promise<ServiceAnswer>;
  cancel(): void;
}

const DEFAULT_MAX_BYTES = 1024 * 1024;

/** Sends the proxy's own requests through its clusters: their balancers, TLS, circuit breakers and counters apply; one try each. */
export class ServiceClient {
  constructor(private readonly deps: PoolDeps & { readonly clusters: Clusters }) {}

  /** Sends one request. Rejects with {@link ServiceCallError}. */
  call(request: ServiceRequest): Promise<ServiceAnswer> {
    return this.start(request).answer;
  }

  start(request: ServiceRequest): ServiceCall {
    const exchange = new Exchange(request, this.deps);
    const answer = new Promise<ServiceAnswer>((resolve, reject) => {
      exchange.begin(this.deps.clusters, { resolve, reject });
    });
    return { answer, cancel: () => exchange.fail('cancelled') };
  }
}

interface Outcome {
  resolve(answer: ServiceAnswer): void;
  reject(error: ServiceCallError): void;
}

class Exchange implements AttemptOwner {
  private readonly head: RequestHead;
  private readonly body = new RequestBody();
  private readonly deadline: Deadline;
  private readonly chunks: Buffer[] = [];
  private received = 0;
  private response: ResponseHead | undefined = undefined;
  private attempt: Attempt | undefined = undefined;
  private outcome: Outcome | undefined = undefined;

  constructor(
    private readonly request: ServiceRequest,
    private readonly deps: PoolDeps,
  ) {
    this.head = headOf(request);
    if (request.body !== undefined) this.body.push(request.body);
    this.body.ended = true;
    this.deadline = new Deadline(deps.clock, deps.timers, () => this.fail('timeout'));
  }

  begin(clusters: Clusters, outcome: Outcome): void {
    this.outcome = outcome;
    const cluster = clusters.get(this.request.cluster);
    if (cluster === undefined) {
      this.fail('no-cluster');
      return;
    }
    const host = cluster.chooseHost({ hash: undefined, avoid: [], avoidAttempts: 0 });
    if (host === undefined) {
      cluster.traffic.withoutHost++;
      this.fail('no-host');
      return;
    }
    this.deadline.start(this.request.timeoutMs);
    this.attempt = new Attempt(this, cluster, host, wireOf(this.head, cluster, 'default'), this.deps);
    this.attempt.start();
  }

  fail(reason: ServiceFailure, detail?: string): void {
    const outcome = this.settle();
    if (outcome === undefined) return;
    this.attempt?.cancel();
    outcome.reject(new ServiceCallError(this.request.cluster, reason, detail));
  }

  /** Who is to be told, once. */
  private settle(): Outcome | undefined {
    const { outcome } = this;
    this.outcome = undefined;
    this.deadline.cancel();
    return outcome;
  }

  private succeed(trailers: HeaderList | undefined): void {
    const { response } = this;
    if (response === undefined) return;
    const { status, headers } = response;
    this.settle()?.resolve({ status, headers, body: Buffer.concat(this.chunks, this.received), trailers });
  }

  onAttemptReady(attempt: Attempt): void {
    attempt.sendRequest(this.head, this.body);
    this.body.clear();
  }

  onAttemptInformational(): void {}

  onAttemptHead(attempt: Attempt, head: ResponseHead, end: boolean): void {
    if (head.status >= 500) attempt.host.stats.error++;
    else attempt.host.stats.success++;
    attempt.cluster.traffic.internal.count(head.status);
    this.response = head;
    if (end) this.succeed(undefined);
  }

  onAttemptData(chunk: Buffer, end: boolean): void {
    this.received += chunk.length;
    if (this.received > (this.request.maxBytes ?? DEFAULT_MAX_BYTES)) {
      this.fail('too-large');
      return;
    }
    // What the codec gives is good until it reads on.
    this.chunks.push(Buffer.from(chunk));
    if (end) this.succeed(undefined);
  }

  onAttemptTrailers(trailers: HeaderList): void {
    this.succeed(trailers);
  }

  onAttemptReset(attempt: Attempt, reason: ResetReason, detail: string): void {
    attempt.host.stats.error++;
    this.fail(reason, detail);
  }

  onAttemptDrain(): void {}
}

function headOf({ method, path, authority, headers, body }: ServiceRequest): RequestHead {
  const list = new HeaderList();
  for (const [name, value] of headers ?? []) list.append(name, value);
  if (body !== undefined && !list.has('content-length')) list.append('content-length', String(body.length));
  return { method, path, authority, scheme: 'http', version: 'HTTP/1.1', headers: list };
}
