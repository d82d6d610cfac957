import net from 'node:net';
import { pino } from 'pino';
import { systemClock } from '../../common/runtime/clock.js';
import { Http1ClientConnection } from '../http1/client-connection.js';
import { CoarseTimers } from './coarse-timers.js';
import { type HttpServerConnection, type LiveConfig, serveHttp } from './connection-manager.js';
import type { ConnectionManagerConfig } from './connection-manager-config.js';
import type { HeaderList } from './headers.js';
import type { ResponseHead } from './message.js';
import type {
  DownstreamStream,
  RequestHandler,
  ResetReason,
  ResponseHandler,
  Router,
  UpstreamStream,
} from './stream.js';
import { PLAINTEXT_PEER, type StreamInfo } from './stream-info.js';

/** A connection manager configuration with Envoy's defaults, for tests; parts are replaced by `overrides`. */
export function testConfig(overrides: Partial<ConnectionManagerConfig> = {}): ConnectionManagerConfig {
  return {
    statPrefix: 'test',
    direction: 'inbound',
    routes: { rdsName: undefined, current: () => undefined },
    filters: [],
    accessLogs: [],
    serverName: 'envoy',
    serverHeader: 'overwrite',
    timeouts: {
      idleMs: 3_600_000,
      maxConnectionDurationMs: 0,
      streamIdleMs: 300_000,
      requestMs: 0,
      requestHeadersMs: 0,
      drainMs: 5000,
    },
    maxRequestHeadBytes: 60 * 1024,
    maxRequestHeaders: 100,
    requestId: { generate: true, preserveExternal: false, alwaysInResponse: false },
    xff: { useRemoteAddress: false, trustedHops: 0, skipAppend: false },
    forwardClientCert: 'sanitize',
    clientCertDetails: { subject: false, uri: false, dns: false, cert: false, chain: false },
    upgrades: new Set(['websocket']),
    path: { normalize: true, mergeSlashes: false, escapedSlashes: 'keep' },
    stripPort: 'none',
    http10: { accept: true, defaultHost: '' },
    via: '',
    ...overrides,
  };
}

/** Passes each request to one upstream port, a connection each, with backpressure and nothing else. */
class RelayHandler implements RequestHandler, ResponseHandler {
  private readonly upstream: UpstreamStream;
  private started = false;

  constructor(
    private readonly downstream: DownstreamStream,
    port: number,
    idle: Http1ClientConnection[],
  ) {
    const connection = idle.pop() ?? dial(port, idle);
    this.upstream = connection.start(this);
    this.upstream.sendHead(downstream.request, downstream.requestEnded);
  }

  onRequestData(chunk: Buffer, end: boolean): void {
    if (!this.upstream.sendData(chunk, end)) this.downstream.setReadable(false);
  }
  onRequestTrailers(trailers: HeaderList): void {
    this.upstream.sendTrailers(trailers);
  }
  onDownstreamReset(): void {
    this.upstream.reset();
  }
  onDownstreamDrain(): void {
    this.upstream.setReadable(true);
  }
  onInformational(head: ResponseHead): void {
    this.downstream.sendInformational(head);
  }
  onResponseHead(head: ResponseHead, end: boolean): void {
    this.started = true;
    this.downstream.sendHead(head, end);
  }
  onResponseData(chunk: Buffer, end: boolean): void {
    if (!this.downstream.sendData(chunk, end)) this.upstream.setReadable(false);
  }
  onResponseTrailers(trailers: HeaderList): void {
    this.downstream.sendTrailers(trailers);
  }
  onUpstreamReset(reason: ResetReason, detail: string): void {
    if (this.started) this.downstream.abort(detail);
    else this.downstream.localReply({ status: 503, body: reason, details: reason, flags: 0 });
  }
  onUpstreamDrain(): void {
    this.downstream.setReadable(true);
  }
}

function dial(port: number, idle: Http1ClientConnection[]): Http1ClientConnection {
  const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
  const connection: Http1ClientConnection = new Http1ClientConnection(
    socket,
    {
      onAvailable: () => idle.push(connection),
      onUnusable: () => {
        const at = idle.indexOf(connection);
        if (at >= 0) idle.splice(at, 1);
      },
    },
    { clock: systemClock },
  );
  return connection;
}

/** A relay on a free loopback port, for tests: `router` answers, or requests go to `upstreamPort`. */
export interface TestRelay {
  readonly port: number;
  readonly infos: StreamInfo[];
  readonly connections: Set<HttpServerConnection>;
  readonly live: LiveConfig<ConnectionManagerConfig>;
  close(): Promise<void>;
}

export async function startRelay(
  target: { readonly upstreamPort: number } | { readonly router: Router },
  overrides: Partial<ConnectionManagerConfig> = {},
): Promise<TestRelay> {
  const infos: StreamInfo[] = [];
  const log = { log: (info: StreamInfo) => void infos.push(info) };
  const live = { current: testConfig({ accessLogs: [log], ...overrides }) };
  const idle: Http1ClientConnection[] = [];
  const router: Router =
    'router' in target ? target.router : { route: (stream) => new RelayHandler(stream, target.upstreamPort, idle) };
  const timers = new CoarseTimers(systemClock, 10);
  const connections = new Set<HttpServerConnection>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    const connection: HttpServerConnection = serveHttp(
      socket,
      {
        id: 1,
        localAddress: `127.0.0.1:${socket.localPort}`,
        localIp: '127.0.0.1',
        localPort: socket.localPort ?? 0,
        remoteAddress: `127.0.0.1:${socket.remotePort}`,
        remoteIp: '127.0.0.1',
        remotePort: socket.remotePort ?? 0,
        peer: PLAINTEXT_PEER,
      },
      live,
      {
        router,
        clock: systemClock,
        random: Math.random,
        log: pino({ level: 'silent' }),
        timers,
        onClosed: () => void connections.delete(connection),
      },
    );
    connections.add(connection);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: portOf(server),
    infos,
    connections,
    live,
    close: async () => {
      for (const connection of connections) connection.destroy();
      for (const connection of idle) connection.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export function portOf(server: net.Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  return address.port;
}
