import type { Socket } from 'node:net';
import { HeaderList } from '../../http/headers.js';
import type { RequestHead, ResponseHead } from '../../http/message.js';
import type { ClientConnection, ClientConnectionEvents, ResponseHandler, UpstreamStream } from '../../http/stream.js';
import type { ConnectEvents, WireProtocol } from '../cluster.js';
import type { CheckResult, ProbeConfig } from './config.js';

/** What a probe needs of the cluster and the host that it looks at. */
export interface ProbeTarget {
  /** Authority where the check names none. */
  readonly authority: string;
  connect(events: ConnectEvents, protocol: WireProtocol): Socket;
  createCodec(socket: Socket, events: ClientConnectionEvents, protocol: 'http1' | 'http2'): ClientConnection;
}

/** Looks at one host, one look at a time. */
export interface Probe {
  /** `done` is called once, unless {@link Probe.abandon} comes first. */
  check(done: (result: CheckResult) => void): void;
  /** Ends a look that is under way, and its connection. */
  abandon(): void;
}

const NETWORK_FAILURE: CheckResult = { kind: 'network-failure' };
const SUCCESS: CheckResult = { kind: 'success' };

export function makeProbe(config: ProbeConfig, target: ProbeTarget, reuse: boolean): Probe {
  if (config.kind === 'tcp') return new TcpProbe(config, target, reuse);
  return new HttpProbe(config, target, reuse);
}

type HttpConfig = Extract<ProbeConfig, { kind: 'http' | 'grpc' }>;

/** Sends a request and judges the answer; for gRPC that of `grpc.health.v1.Health/Check`. */
class HttpProbe implements Probe, ClientConnectionEvents {
  private codec: ClientConnection | undefined;
  private socket: Socket | undefined;
  private stream: UpstreamStream | undefined;
  private done: ((result: CheckResult) => void) | undefined;

  constructor(
    private readonly config: HttpConfig,
    private readonly target: ProbeTarget,
    private readonly reuse: boolean,
  ) {}

  check(done: (result: CheckResult) => void): void {
    this.done = done;
    if (this.codec !== undefined && this.codec.maxConcurrent > 0) {
      this.send(this.codec);
      return;
    }
    const protocol = this.config.kind === 'grpc' || this.config.http2 ? 'http2' : 'http1';
    const events: ConnectEvents = {
      onReady: () => {
        if (this.socket === undefined) return;
        this.codec = this.target.createCodec(this.socket, this, protocol);
        if (this.codec.maxConcurrent > 0) this.send(this.codec);
      },
      onFailed: () => this.settle(NETWORK_FAILURE),
    };
    this.socket = this.target.connect(events, protocol);
  }

  abandon(): void {
    this.done = undefined;
    this.close();
  }

  onAvailable(): void {
    if (this.stream === undefined && this.done !== undefined && this.codec !== undefined) this.send(this.codec);
  }

  onUnusable(): void {
    this.codec = undefined;
    if (this.stream === undefined) this.settle(NETWORK_FAILURE);
  }

  private send(codec: ClientConnection): void {
    const { config } = this;
    const stream = codec.start(this.handler());
    this.stream = stream;
    if (config.kind === 'grpc') {
      stream.sendHead(grpcHead(config.authority || this.target.authority), false);
      stream.sendData(grpcRequest(config.service), true);
    } else {
      stream.sendHead(httpHead(config, config.host || this.target.authority), true);
    }
  }

  private handler(): ResponseHandler {
    const body: Buffer[] = [];
    let head: ResponseHead | undefined;
    const end = (trailers?: HeaderList): void => {
      if (head !== undefined) this.settle(this.judge(head, Buffer.concat(body), trailers));
    };
    return {
      onInformational: () => {},
      onResponseHead: (response, ended) => {
        head = response;
        if (ended) end();
      },
      onResponseData: (chunk, ended) => {
        if (this.config.kind === 'grpc') body.push(Buffer.from(chunk));
        if (ended) end();
      },
      onResponseTrailers: end,
      onUpstreamReset: () => this.settle(NETWORK_FAILURE),
      onUpstreamDrain: () => {},
    };
  }

  private judge(head: ResponseHead, body: Buffer, trailers: HeaderList | undefined): CheckResult {
    const { config } = this;
    if (config.kind === 'http') {
      if (config.isExpected(head.status)) return SUCCESS;
      return { kind: 'failure', retriable: config.isRetriable(head.status) };
    }
    const status = trailers?.get('grpc-status') ?? head.headers.get('grpc-status');
    return head.status === 200 && status === '0' && isServing(body) ? SUCCESS : { kind: 'failure', retriable: false };
  }

  private settle(result: CheckResult): void {
    const { done } = this;
    this.done = undefined;
    this.stream = undefined;
    if (result.kind === 'network-failure' || !this.reuse) this.close();
    done?.(result);
  }

  private close(): void {
    const { codec, socket } = this;
    this.codec = undefined;
    this.socket = undefined;
    this.stream = undefined;
    if (codec !== undefined) codec.destroy();
    else socket?.destroy();
  }
}

function requestHead(method: string, path: string, authority: string): RequestHead {
  const headers = new HeaderList();
  headers.append('user-agent', 'Envoy/HC');
  return { method, path, authority, scheme: 'http', version: 'HTTP/1.1', headers } as RequestHead;
}

function httpHead(config: Extract<HttpConfig, { kind: 'http' }>, authority: string): RequestHead {
  const head = requestHead(config.method, config.path, authority);
  for (const [name, value] of config.headers) head.headers.append(name, value);
  return head;
}

function grpcHead(authority: string): RequestHead {
  const head = requestHead('POST', '/grpc.health.v1.Health/Check', authority);
  head.headers.append('content-type', 'application/grpc');
  head.headers.append('te', 'trailers');
  return head;
}

/** A HealthCheckRequest with its one field, in gRPC's frame. Names of services are short. */
function grpcRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length & 0x7f]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

/** Whether a HealthCheckResponse in gRPC's frame says SERVING (status = 1). */
function isServing(body: Buffer): boolean {
  return body.length >= 7 && body[0] === 0 && body[5] === 0x08 && body[6] === 1;
}

/** Connects, sends what there is to send, and waits for what is to come, in any order of pieces. */
class TcpProbe implements Probe {
  private socket: Socket | undefined;
  private ready = false;
  private done: ((result: CheckResult) => void) | undefined;
  private received = Buffer.alloc(0);

  constructor(
    private readonly config: Extract<ProbeConfig, { kind: 'tcp' }>,
    private readonly target: ProbeTarget,
    private readonly reuse: boolean,
  ) {}

  check(done: (result: CheckResult) => void): void {
    this.done = done;
    this.received = Buffer.alloc(0);
    if (this.ready && this.socket?.destroyed === false) {
      this.begin(this.socket);
      return;
    }
    this.ready = false;
    this.socket = this.target.connect(
      {
        onReady: () => this.onReady(),
        onFailed: () => this.settle(NETWORK_FAILURE),
      },
      'auto',
    );
  }

  abandon(): void {
    this.done = undefined;
    this.close();
  }

  private onReady(): void {
    const { socket } = this;
    if (socket === undefined) return;
    this.ready = true;
    const lost = (): void => {
      if (this.socket === socket) this.settle(NETWORK_FAILURE);
    };
    socket.on('error', () => {});
    socket.on('end', lost);
    socket.on('close', lost);
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    this.begin(socket);
  }

  private begin(socket: Socket): void {
    const { send, receive } = this.config;
    if (send.length > 0) socket.write(send);
    if (receive.length === 0) this.settle(SUCCESS);
  }

  private onData(chunk: Buffer): void {
    if (this.done === undefined) return;
    this.received = Buffer.concat([this.received, chunk]).subarray(-MOST_RECEIVED);
    if (containsInOrder(this.received, this.config.receive)) this.settle(SUCCESS);
  }

  private settle(result: CheckResult): void {
    const { done } = this;
    this.done = undefined;
    // Nothing was asked for but a connection: the next look makes its own.
    if (result.kind !== 'success' || !this.reuse || this.config.receive.length === 0) this.close();
    done?.(result);
  }

  private close(): void {
    const { socket } = this;
    this.socket = undefined;
    this.ready = false;
    socket?.destroy();
  }
}

const MOST_RECEIVED = 64 * 1024;

function containsInOrder(bytes: Buffer, parts: readonly Buffer[]): boolean {
  let from = 0;
  for (const part of parts) {
    const at = bytes.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return true;
}
