import { connect, type Socket } from 'node:net';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { addressOptions, isSocketPath } from '../../common/runtime/socket-path.js';
import { PLAINTEXT_PEER } from '../http/stream-info.js';
import type { UpstreamTls } from '../tls/context.js';
import type { ConnectEvents } from './cluster.js';
import { applyKeepAlive, type KeepAlive } from './keep-alive.js';

export interface DialTarget {
  /** IP address, or the path of a Unix socket (`isSocketPath`), whose port means nothing. */
  readonly ip: string;
  readonly port: number;
  /** Host name for the server name indication when the TLS settings leave it to the endpoint (`auto_host_sni`). */
  readonly sniHost?: string;
}

export interface DialOptions {
  /** From the first SYN to readiness, TLS handshake included, ms. */
  readonly connectTimeoutMs: number;
  readonly keepAlive: KeepAlive | undefined;
  /** Own IP address to connect from; absent leaves it to the kernel. */
  readonly localAddress?: string;
  /** ALPN protocols to offer in place of the settings' own. */
  readonly alpn?: readonly string[];
  /** Server name that TLS indicates in place of the settings' own. */
  readonly serverName?: string;
  /** A name that the server's certificate must bear besides what the settings ask for. */
  readonly certificateName?: string;
  /** Bytes that go first, before TLS, once the connection is there. */
  readonly preamble?: (socket: Socket) => Buffer;
  /** ALPN protocols that are left out of the settings' offer, because the connection shall not speak them. */
  readonly withoutAlpn?: ReadonlySet<string>;
}

/**
 * Opens a connection to a host. Exactly one of the two events comes, never before `connect` has returned; none comes
 * when the caller destroys the socket first. After `onFailed` the socket is destroyed. The dialer takes care of the
 * socket's `error` event until then; after `onReady` the socket belongs to the caller, listeners included.
 */
export interface UpstreamDialer {
  connect(target: DialTarget, tls: UpstreamTls | undefined, options: DialOptions, events: ConnectEvents): Socket;
}

/** The dialer for plaintext. TLS settings given to it fail the connection: nothing goes out unprotected by mistake. */
export function plainDialer(clock: Clock): UpstreamDialer {
  return {
    connect(target, tls, options, events) {
      const socket = connect({ ...addressOptions(target), noDelay: true, ...from(options) });
      if (tls !== undefined) {
        socket.on('error', ignore);
        queueMicrotask(() => {
          if (socket.destroyed) return;
          socket.destroy();
          events.onFailed('connect-failure', 'TLS is not available on this connection');
        });
        return socket;
      }
      sendPreamble(socket, options);
      applyKeepAlive(socket, options.keepAlive);
      awaitConnect(socket, options.connectTimeoutMs, clock, events);
      return socket;
    },
  };
}

/** What a connect call needs to bind to the source address that is wanted. */
export function from({ localAddress }: DialOptions): { localAddress?: string } {
  return localAddress === undefined ? {} : { localAddress };
}

/** Must be called before anybody else waits for the connection. */
export function sendPreamble(socket: Socket, { preamble }: DialOptions): void {
  if (preamble !== undefined) socket.once('connect', () => socket.write(preamble(socket)));
}

/** `delayed connect error: 111` and the like: Envoy's transport failure reason for a refused or unreachable host. */
export function connectErrorDetail(error: NodeJS.ErrnoException): string {
  const text = ERRNO_TEXT[error.code ?? ''] ?? error.message;
  const { address } = error as { readonly address?: string };
  // Whether somebody listens at a Unix socket shows at once.
  if (address !== undefined && isSocketPath(address)) {
    return `immediate connect error: ${text}|remote address:${address}`;
  }
  return `delayed connect error: ${text}`;
}

/** What strerror says on Linux, as Envoy logs it. */
const ERRNO_TEXT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ENOENT: 'No such file or directory',
  ETIMEDOUT: 'Connection timed out',
  EADDRNOTAVAIL: 'Cannot assign requested address',
};

function ignore(): void {}

function awaitConnect(socket: Socket, timeoutMs: number, clock: Clock, events: ConnectEvents): void {
  let timer: Timer | undefined;
  const settle = (): void => {
    timer?.cancel();
    socket.off('connect', onConnect);
    socket.off('error', onError);
    socket.off('close', onClose);
  };
  const fail = (reason: 'connect-failure' | 'connect-timeout', detail: string): void => {
    settle();
    socket.on('error', ignore);
    socket.destroy();
    events.onFailed(reason, detail);
  };
  const onConnect = (): void => {
    settle();
    events.onReady(PLAINTEXT_PEER);
  };
  const onError = (error: NodeJS.ErrnoException): void => fail('connect-failure', connectErrorDetail(error));
  const onClose = (): void => settle();
  socket.once('connect', onConnect);
  socket.once('error', onError);
  socket.once('close', onClose);
  timer = clock.after(timeoutMs, () => fail('connect-timeout', ''));
}
