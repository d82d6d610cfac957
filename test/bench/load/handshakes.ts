import { connect as connectPlain } from 'node:net';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { Exchange, requestBytes } from './exchange.js';

export interface TlsClient {
  readonly certificate: string;
  readonly privateKey: string;
  readonly root: string;
}

export interface HandshakeOrder {
  readonly port: number;
  /** At the same time. */
  readonly connections: number;
  readonly ms: number;
  readonly tls: TlsClient;
  /** Each connection goes on with the session of one before. */
  readonly resume: boolean;
}

export interface HandshakeReport {
  readonly handshakes: number;
  /** Those that went on with a session. */
  readonly resumed: number;
  readonly errors: number;
  readonly seconds: number;
}

const SNI = 'outbound_.9080_._.echo.default.svc.cluster.local';

export function secureContext({ certificate, privateKey, root }: TlsClient): SecureContext {
  return createSecureContext({ cert: certificate, key: privateKey, ca: root });
}

export interface TlsTarget {
  readonly port: number;
  readonly context: SecureContext;
  readonly localAddress?: string;
  readonly session?: Buffer | undefined;
}

/** A connection as a sidecar opens it, by HTTP/1.1. Who the server is was checked by its chain; its name is not a host's. */
export function connectMutual({ port, context, localAddress, session }: TlsTarget): TLSSocket {
  return connect({
    host: '127.0.0.1',
    port,
    secureContext: context,
    servername: SNI,
    ALPNProtocols: ['istio', 'http/1.1'],
    checkServerIdentity: () => undefined,
    ...(localAddress !== undefined && {
      socket: connectPlain({ host: '127.0.0.1', port, localAddress, noDelay: true }),
    }),
    ...(session !== undefined && { session }),
  });
}

/** A new connection for every request. */
export async function shakeHands(order: HandshakeOrder): Promise<HandshakeReport> {
  const context = secureContext(order.tls);
  const request = requestBytes('echo:9080');
  const started = performance.now();
  const tally = { handshakes: 0, resumed: 0, errors: 0 };
  const running = (): boolean => performance.now() - started < order.ms;
  const one = async (): Promise<void> => {
    let session: Buffer | undefined;
    while (running()) {
      const socket = connectMutual({ port: order.port, context, session });
      if (order.resume) socket.on('session', (given: Buffer) => (session = given));
      const ok = await new Exchange(socket).request(request);
      if (ok) tally.handshakes++;
      else tally.errors++;
      if (socket.isSessionReused()) tally.resumed++;
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: order.connections }, one));
  return { ...tally, seconds: (performance.now() - started) / 1000 };
}
