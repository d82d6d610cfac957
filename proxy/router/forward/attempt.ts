import type { HeaderList } from '../../http/headers.js';
import type { RequestHead, ResponseHead } from '../../http/message.js';
import type { ResetReason, UpstreamStream } from '../../http/stream.js';
import type { Cluster, Host, NamesByRequest } from '../../upstream/cluster.js';
import {
  HttpHostPool,
  type PoolDeps,
  type PoolKind,
  type PoolWaiter,
  type Priority,
} from '../../upstream/http-pool.js';
import type { PooledConnection } from '../../upstream/pooled-connection.js';
import type { RequestBody } from './request-body.js';

const NOTHING = Buffer.alloc(0);

/** Who started an attempt and hears of it. After `onAttemptReset`, a last response call or {@link Attempt.cancel} nothing more comes. */
export interface AttemptOwner {
  onAttemptReady(attempt: Attempt): void;
  onAttemptInformational(head: ResponseHead): void;
  onAttemptHead(attempt: Attempt, head: ResponseHead, end: boolean): void;
  onAttemptData(chunk: Buffer, end: boolean): void;
  onAttemptTrailers(trailers: HeaderList): void;
  onAttemptReset(attempt: Attempt, reason: ResetReason, detail: string): void;
  onAttemptDrain(): void;
}

/** The connections on which a request may go. */
export interface Wire extends PoolKind {
  /** The connection's peer must take upgrades, as every HTTP/1.1 connection may ask for one. */
  readonly upgrade: boolean;
}

export function wireOf(request: RequestHead, cluster: Cluster, priority: Priority): Wire {
  const protocol = cluster.settings.protocol ?? 'http1';
  const names = cluster.settings.namesByRequest;
  if (names !== undefined) return { ...wireFor(request, protocol, priority), serverName: serverNameOf(request, names) };
  return wireFor(request, protocol, priority);
}

function wireFor(
  request: RequestHead,
  protocol: NonNullable<Cluster['settings']['protocol']>,
  priority: Priority,
): Wire {
  if (protocol === 'auto') return { priority, protocol, upgrade: request.headers.has('upgrade') };
  const byRequest = request.version === 'HTTP/2' ? 'http2' : 'http1';
  return { priority, protocol: protocol === 'downstream' ? byRequest : protocol, upgrade: false };
}

/** The authority without its port, or what the header says in its place. */
function serverNameOf(request: RequestHead, { header }: NamesByRequest): string {
  const named = header === '' ? '' : (request.headers.get(header) ?? '');
  const [, bracketed, plain = ''] = AUTHORITY.exec(named === '' ? request.authority : named) ?? [];
  return bracketed ?? plain;
}

const AUTHORITY = /^(?:\[([^\]]*)\]|([^:]*))/;

/** One try of a request at one host, from the wait for a connection to the end of the response. */
export class Attempt implements PoolWaiter {
  /** Whether any of the request was handed to the connection. */
  sent = false;
  private stream: UpstreamStream | undefined = undefined;
  private connection: PooledConnection | undefined = undefined;
  private over = false;
  private requestEnded = false;

  constructor(
    private readonly owner: AttemptOwner,
    readonly cluster: Cluster,
    readonly host: Host,
    private wire: Wire,
    private readonly deps: PoolDeps,
  ) {}

  start(): void {
    HttpHostPool.of(this.cluster, this.host, this.deps).request(this, this.wire);
  }

  get isConnected(): boolean {
    return this.stream !== undefined;
  }

  /** Set while connected. */
  get pooled(): PooledConnection | undefined {
    return this.connection;
  }

  /** Sends the head and what of the body is there. */
  sendRequest(head: RequestHead, body: RequestBody): void {
    const stream = this.stream;
    if (stream === undefined) return;
    this.sent = true;
    if (body.isEmpty && body.trailers === undefined && !(body.apart && body.ended)) {
      this.requestEnded = body.ended;
      stream.sendHead(head, body.ended);
      return;
    }
    stream.sendHead(head, false);
    const endsWithData = body.ended && body.trailers === undefined;
    if (body.isEmpty && endsWithData) this.sendData(NOTHING, true);
    body.forEach((chunk, last) => {
      if (!this.over) this.sendData(chunk, last && endsWithData);
    });
    if (body.trailers !== undefined) this.sendTrailers(body.trailers);
  }

  sendData(chunk: Buffer, end: boolean): boolean {
    this.requestEnded ||= end;
    return this.stream?.sendData(chunk, end) ?? true;
  }

  sendTrailers(trailers: HeaderList): void {
    this.requestEnded = true;
    this.stream?.sendTrailers(trailers);
  }

  setReadable(readable: boolean): void {
    this.stream?.setReadable(readable);
  }

  /** Gives up: a connection that waits for the rest of a response is closed. */
  cancel(): void {
    if (this.over) return;
    const stream = this.stream;
    this.requestEnded = true;
    if (this.connection?.isMultiplexed === true) this.cluster.traffic.localResets++;
    this.connection?.breakOff();
    this.finish();
    if (stream !== undefined) stream.reset();
    else if (this.host.pool instanceof HttpHostPool) this.host.pool.cancel(this, this.wire);
  }

  onPoolReady(connection: PooledConnection, stream: UpstreamStream): void {
    if (this.wire.upgrade && !connection.takesUpgrades) {
      // An HTTP/2 peer without RFC 8441: the upgrade gets an HTTP/1.1 connection to itself.
      stream.reset();
      connection.endRequest();
      this.wire = { ...this.wire, protocol: 'http1', upgrade: false };
      this.start();
      return;
    }
    this.connection = connection;
    this.stream = stream;
    this.owner.onAttemptReady(this);
  }

  onPoolFailure(reason: 'overflow' | 'connect-failure' | 'connect-timeout', detail: string): void {
    this.over = true;
    this.owner.onAttemptReset(this, reason, detail);
  }

  onInformational(head: ResponseHead): void {
    if (!this.over) this.owner.onAttemptInformational(head);
  }

  onResponseHead(head: ResponseHead, end: boolean): void {
    if (this.over) return;
    if (end) this.finish();
    this.owner.onAttemptHead(this, head, end);
  }

  onResponseData(chunk: Buffer, end: boolean): void {
    if (this.over) return;
    if (end) this.finish();
    this.owner.onAttemptData(chunk, end);
  }

  onResponseTrailers(trailers: HeaderList): void {
    if (this.over) return;
    this.finish();
    this.owner.onAttemptTrailers(trailers);
  }

  onUpstreamReset(reason: ResetReason, detail: string): void {
    if (this.over) return;
    this.finish();
    if (reason === 'stream-reset' || reason === 'refused') this.cluster.traffic.remoteResets++;
    this.owner.onAttemptReset(this, reason, detail);
  }

  onUpstreamDrain(): void {
    if (!this.over) this.owner.onAttemptDrain();
  }

  private finish(): void {
    this.over = true;
    // Only a switched connection takes it: when upstream has ended its side, ours ends too.
    if (!this.requestEnded) this.stream?.sendData(NOTHING, true);
    this.stream = undefined;
    this.connection?.endRequest();
  }
}
