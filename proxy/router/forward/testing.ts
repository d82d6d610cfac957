import { createServer, type Server, type Socket } from 'node:net';
import { pino } from 'pino';
import { systemClock } from '../../../common/runtime/clock.js';
import type { Cluster as ClusterMessage } from '../../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import { CoarseTimers } from '../../http/coarse-timers.js';
import { formatFlags } from '../../http/flags.js';
import { HeaderList } from '../../http/headers.js';
import type { RequestHead, ResponseHead } from '../../http/message.js';
import type { DownstreamStream, LocalReply, RequestHandler } from '../../http/stream.js';
import { PLAINTEXT_PEER, StreamInfo } from '../../http/stream-info.js';
import { Http1ClientConnection } from '../../http1/client-connection.js';
import { Http2ClientConnection } from '../../http2/client-connection.js';
import { ClusterManager } from '../../upstream/cluster-manager.js';
import { plainDialer } from '../../upstream/dialer.js';
import type { PoolDeps } from '../../upstream/http-pool.js';
import type { ForwardAction, RetryPolicy, RouteAction, RouteEntry } from '../route.js';
import { ForwardingRouter } from './forwarding-router.js';
import { ServiceClient } from './service-call.js';

/** Helpers of this folder's tests: a client, upstream servers, and the router between them on real sockets. */
export class TestBed {
  readonly manager: ClusterManager;
  readonly router: ForwardingRouter;
  readonly services: ServiceClient;
  random: () => number = () => 0;
  private readonly servers: Server[] = [];
  private readonly sockets = new Set<Socket>();

  constructor(bufferLimit?: number) {
    const random = (): number => this.random();
    this.manager = new ClusterManager({
      clock: systemClock,
      random,
      dialer: plainDialer(systemClock),
      resolver: { resolve: () => Promise.reject(new Error('no names here')) },
      log: pino({ level: 'silent' }),
      compileTls: () => {
        throw new Error('no TLS here');
      },
    });
    const pools: PoolDeps = {
      clock: systemClock,
      timers: new CoarseTimers(systemClock, 10),
      createConnection: (socket, events, protocol) =>
        protocol === 'http1'
          ? new Http1ClientConnection(socket, events, { clock: systemClock })
          : new Http2ClientConnection(socket, events, {
              clock: systemClock,
              maxHeadBytes: 64 * 1024,
              maxHeaders: 100,
              count: () => {},
              random,
            }),
    };
    this.router = new ForwardingRouter({
      clusters: this.manager,
      random,
      ...pools,
      ...(bufferLimit === undefined ? {} : { bufferLimit }),
    });
    this.services = new ServiceClient({ clusters: this.manager, ...pools });
  }

  /** A TCP server on a free port. */
  async serve(onConnection: (socket: Socket) => void): Promise<number> {
    const server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on('error', () => {});
      onConnection(socket);
    });
    this.servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return portOf(server);
  }

  /** An HTTP/1.1 server that answers complete requests, bodies by content-length, with whatever `answer` returns. */
  serveHttp(answer: (request: string, count: number) => string | undefined): Promise<number> {
    let count = 0;
    return this.serve((socket) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        for (;;) {
          const end = text.indexOf('\r\n\r\n');
          if (end < 0) return;
          const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
          if (text.length < end + 4 + length) return;
          const request = text.slice(0, end + 4 + length);
          text = text.slice(end + 4 + length);
          const reply = answer(request, ++count);
          if (reply === undefined) socket.destroy();
          else socket.write(reply);
        }
      });
    });
  }

  /** A port on which nobody listens. */
  async refusedPort(): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const port = portOf(server);
    await new Promise((resolve) => server.close(resolve));
    return port;
  }

  cluster(name: string, ports: readonly number[], more: ClusterMessage = {}): void {
    const endpoints = ports.map((port) => ({
      endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
    }));
    const message: ClusterMessage = {
      name,
      type: 'STATIC',
      load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
      ...more,
    };
    const errors = this.manager.addStatic([message]);
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
  }

  async close(): Promise<void> {
    this.manager.close();
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(this.servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  /** Sends a request whose body, if any, comes in these chunks; `end: false` leaves it open. */
  send(route: RouteEntry | undefined, options: SendOptions = {}): TestStream {
    const stream = new TestStream(route, options);
    stream.handler = this.router.route(stream);
    const chunks = options.chunks ?? [];
    chunks.forEach((chunk, index) => {
      stream.handler?.onRequestData(Buffer.from(chunk), index === chunks.length - 1 && options.open !== true);
    });
    return stream;
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return address.port;
}

export interface SendOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly chunks?: readonly string[];
  readonly open?: boolean;
}

/** What a client would have seen. */
export class TestStream implements DownstreamStream {
  readonly request: RequestHead;
  readonly info: StreamInfo;
  readonly requestEnded: boolean;
  readonly random = (): number => 0;
  readonly done: Promise<this>;
  readonly headSeen: Promise<this>;
  handler: RequestHandler | undefined = undefined;
  head: ResponseHead | undefined = undefined;
  body = '';
  reply: LocalReply | undefined = undefined;
  aborted: string | undefined = undefined;
  paused = false;
  readonly informational: number[] = [];
  private resolve: (value: this) => void = () => {};
  private resolveHead: (value: this) => void = () => {};

  constructor(
    private readonly entry: RouteEntry | undefined,
    options: SendOptions,
  ) {
    const headers = new HeaderList();
    for (const [name, value] of Object.entries(options.headers ?? {})) headers.append(name, value);
    this.request = {
      method: options.method ?? (options.chunks === undefined ? 'GET' : 'POST'),
      path: options.path ?? '/',
      authority: 'test.example',
      scheme: 'http',
      version: 'HTTP/1.1',
      headers,
    };
    this.requestEnded = options.chunks === undefined && options.open !== true;
    this.info = new StreamInfo({
      id: 1,
      localAddress: '127.0.0.1:80',
      localIp: '127.0.0.1',
      localPort: 80,
      remoteAddress: '127.0.0.1:4711',
      remoteIp: '127.0.0.1',
      remotePort: 4711,
      peer: PLAINTEXT_PEER,
    });
    this.done = new Promise((resolve) => {
      this.resolve = resolve;
    });
    this.headSeen = new Promise((resolve) => {
      this.resolveHead = resolve;
    });
  }

  route(): RouteEntry | undefined {
    return this.entry;
  }

  get flags(): string {
    return formatFlags(this.info.flags);
  }

  header(key: string): string | undefined {
    return this.head?.headers.get(key);
  }

  sendInformational(head: ResponseHead): void {
    this.informational.push(head.status);
  }

  sendHead(head: ResponseHead, end: boolean): void {
    this.head = head;
    this.info.responseCode = head.status;
    this.resolveHead(this);
    if (end) this.resolve(this);
  }

  sendData(chunk: Buffer, end: boolean): boolean {
    this.body += chunk.toString('latin1');
    if (end) this.resolve(this);
    return true;
  }

  sendTrailers(): void {
    this.resolve(this);
  }

  localReply(reply: LocalReply): void {
    this.reply = reply;
    this.info.flags |= reply.flags;
    this.info.responseCode = reply.status;
    this.info.responseCodeDetails = reply.details;
    this.body = reply.body;
    const headers = new HeaderList();
    for (const [name, value] of reply.headers ?? []) headers.append(name, value);
    this.head = { status: reply.status, reason: '', headers };
    this.resolveHead(this);
    this.resolve(this);
  }

  abort(detail: string): void {
    this.aborted = detail;
    this.resolve(this);
  }

  setReadable(readable: boolean): void {
    this.paused = !readable;
  }
}

export function routeTo(action: RouteAction, more: Partial<RouteEntry> = {}): RouteEntry {
  return {
    name: 'r',
    virtualHost: 'v',
    action,
    prepareRequest() {},
    prepareResponse() {},
    filterConfig: () => undefined,
    ...more,
  };
}

export function forwardTo(cluster: string, more: Partial<ForwardAction> = {}): ForwardAction {
  const choice = { name: cluster, prepareRequest() {}, prepareResponse() {} };
  return {
    kind: 'forward',
    selectCluster: () => choice,
    timeoutMs: 15_000,
    idleTimeoutMs: undefined,
    retry: undefined,
    hashPolicies: [],
    mirrors: [],
    priority: 'default',
    upgrades: new Map(),
    terminateConnect: false,
    ...more,
  };
}

export function retryOn(on: readonly string[], more: Partial<RetryPolicy> = {}): RetryPolicy {
  return {
    on: new Set(on) as RetryPolicy['on'],
    statusCodes: new Set(),
    retries: 1,
    perTryTimeoutMs: 0,
    perTryIdleTimeoutMs: 0,
    backOffBaseMs: 1,
    backOffMaxMs: 10,
    hostSelectionAttempts: 0,
    skipPreviousHosts: false,
    ...more,
  };
}

export function ok(body: string, headers = ''): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n${headers}\r\n${body}`;
}

export function status(code: number): string {
  return `HTTP/1.1 ${code} X\r\ncontent-length: 0\r\n\r\n`;
}
