import { connect as connectPlain, type Socket } from 'node:net';
import { type ConnectionOptions, connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { Clock } from '../../common/runtime/clock.js';
import { addressOptions } from '../../common/runtime/socket-path.js';
import type { ConnectEvents } from '../upstream/cluster.js';
import {
  connectErrorDetail,
  type DialOptions,
  type DialTarget,
  from,
  sendPreamble,
  type UpstreamDialer,
} from '../upstream/dialer.js';
import { applyKeepAlive } from '../upstream/keep-alive.js';
import type { UpstreamTls } from './context.js';
import { certificateError, SECRET_MISSING, tlsErrorDetail } from './errors.js';
import { resolveMaterial } from './material.js';
import { type PeerCertificate, peerInfo, readPeerCertificate } from './peer.js';
import type { SecretStore } from './secrets.js';
import { SessionCache } from './session-cache.js';
import type { TrustDomains } from './trust-domains.js';
import { peerFault } from './verify.js';

export interface TlsDialerOptions {
  /** For clusters without TLS. */
  readonly plain: UpstreamDialer;
  readonly secrets: SecretStore;
  readonly clock: Clock;
}

interface ClientContext {
  readonly key: string;
  readonly secure: SecureContext;
  readonly verifies: boolean;
  readonly localUriSan: string | undefined;
  readonly localCertificate: string | undefined;
  readonly domains: TrustDomains | undefined;
}

/**
 * Dials TLS and verifies the peer: its chain by the library, its date and names by our own matchers. A secure context is
 * shared by all clusters with the same certificate and roots and made anew after a rotation.
 */
export class TlsDialer implements UpstreamDialer {
  private readonly options: TlsDialerOptions;
  private readonly contexts = new Map<string, ClientContext>();
  private readonly sessions = new SessionCache(4096);

  constructor(options: TlsDialerOptions) {
    this.options = options;
    options.secrets.watch(() => {
      this.contexts.clear();
      this.sessions.clear();
    });
  }

  connect(target: DialTarget, tls: UpstreamTls | undefined, options: DialOptions, events: ConnectEvents): Socket {
    if (tls === undefined) return this.options.plain.connect(target, undefined, options, events);
    const context = this.contextFor(tls);
    const sni = options.serverName ?? (tls.sni !== '' ? tls.sni : (target.sniHost ?? ''));
    const sessionKey = `${context?.key}|${sni}|${target.ip}|${target.port}`;
    const session = this.sessions.get(sessionKey);
    const alpn = (options.alpn ?? tls.alpn).filter((protocol) => options.withoutAlpn?.has(protocol) !== true);
    const socket = connect({
      ...transportOf(target, options),
      ...(sni === '' ? {} : { servername: sni }),
      ...(alpn.length === 0 ? {} : { ALPNProtocols: alpn }),
      ...(context === undefined ? {} : { secureContext: context.secure }),
      ...(session === undefined ? {} : { session: session.ticket }),
      rejectUnauthorized: context?.verifies ?? true,
      checkServerIdentity: () => undefined,
    });
    socket.setNoDelay(true);
    applyKeepAlive(socket, options.keepAlive);
    const attempt = new Attempt(socket, events);
    if (context === undefined) {
      // A secret has not come: nothing may go out unprotected, and nothing can go out protected.
      queueMicrotask(() => {
        if (!socket.destroyed) attempt.fail('connect-failure', SECRET_MISSING);
      });
      return socket;
    }
    socket.on('session', (ticket) => {
      if (attempt.certificate !== undefined || !context.verifies) {
        this.sessions.set(sessionKey, { ticket, certificate: attempt.certificate });
      }
    });
    attempt.start(this.options.clock, options.connectTimeoutMs, () =>
      this.onSecure(attempt, context, tls, { sni, certificate: options.certificateName }, session?.certificate),
    );
    return socket;
  }

  private onSecure(
    attempt: Attempt,
    context: ClientContext,
    tls: UpstreamTls,
    names: { readonly sni: string; readonly certificate: string | undefined },
    remembered: PeerCertificate | undefined,
  ): void {
    const { socket } = attempt;
    const raw = socket.getPeerX509Certificate();
    const certificate =
      raw === undefined ? (socket.isSessionReused() ? remembered : undefined) : readPeerCertificate(raw);
    if (context.verifies) {
      const fault =
        certificate === undefined
          ? 'no certificate'
          : (peerFault(certificate, tls.validation, this.options.clock.now(), names.certificate) ??
            context.domains?.fault(socket, certificate));
      if (fault !== undefined) {
        attempt.fail('connect-failure', certificateError(fault));
        return;
      }
    }
    attempt.certificate = certificate;
    attempt.succeed(context.verifies ? certificate : undefined, {
      localUriSan: context.localUriSan,
      localCertificate: context.localCertificate,
      sni: names.sni,
    });
  }

  private contextFor(tls: UpstreamTls): ClientContext | undefined {
    const key = contextKey(tls);
    const known = this.contexts.get(key);
    if (known !== undefined) return known;
    const material = resolveMaterial(tls, this.options.secrets);
    if (material === undefined) return undefined;
    const context: ClientContext = {
      key,
      secure: createSecureContext(material.options),
      verifies: material.verifies,
      localUriSan: material.localUriSan,
      localCertificate: material.localCertificate,
      domains: material.domains,
    };
    this.contexts.set(key, context);
    return context;
  }
}

/** TLS connects by itself, unless something has to be said before it. */
function transportOf(target: DialTarget, options: DialOptions): ConnectionOptions {
  const address = { ...addressOptions(target), ...from(options) };
  if (options.preamble === undefined) return address;
  const socket = connectPlain(address);
  sendPreamble(socket, options);
  return { socket };
}

/** Settings with the same key share a context: names and ALPN belong to the connection, not to it. */
function contextKey(tls: UpstreamTls): string {
  return JSON.stringify([tls.parameters, tls.certificate, tls.validation.roots, tls.validation.crl ?? null]);
}

/** One connection until it is ready or has failed. */
class Attempt {
  certificate: PeerCertificate | undefined;
  private settled = false;
  private stop: () => void = () => {};

  constructor(
    readonly socket: TLSSocket,
    private readonly events: ConnectEvents,
  ) {}

  start(clock: Clock, timeoutMs: number, onSecure: () => void): void {
    let connected = false;
    const onConnect = (): void => {
      connected = true;
    };
    const onError = (error: NodeJS.ErrnoException): void => this.fail('connect-failure', detailOf(error, connected));
    const onClose = (): void => {
      this.settle();
    };
    const timer = clock.after(timeoutMs, () => {
      if (!this.socket.destroyed) this.fail('connect-timeout', '');
    });
    const { socket } = this;
    socket.once('connect', onConnect);
    socket.once('secureConnect', onSecure);
    socket.on('error', onError);
    socket.once('close', onClose);
    this.stop = () => {
      timer.cancel();
      socket.off('connect', onConnect);
      socket.off('secureConnect', onSecure);
      socket.off('error', onError);
      socket.off('close', onClose);
    };
  }

  succeed(certificate: PeerCertificate | undefined, names: Parameters<typeof peerInfo>[2]): void {
    if (!this.settle()) return;
    this.events.onReady(peerInfo(this.socket, certificate, names));
  }

  fail(reason: 'connect-failure' | 'connect-timeout', detail: string): void {
    if (!this.settle()) return;
    this.socket.on('error', () => {});
    this.socket.destroy();
    this.events.onFailed(reason, detail);
  }

  private settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.stop();
    return true;
  }
}

function detailOf(error: NodeJS.ErrnoException, connected: boolean): string {
  if (!connected) return connectErrorDetail(error);
  if (error.code === 'ECONNRESET') return 'TLS_error:|connection closed during the TLS handshake:TLS_error_end';
  return isVerificationError(error) ? certificateError(error.message) : tlsErrorDetail(error);
}

/** OpenSSL's verification failures come with X509_V_ERR names (`SELF_SIGNED_CERT_IN_CHAIN`), without a prefix. */
function isVerificationError(error: NodeJS.ErrnoException): boolean {
  return error.code !== undefined && !/^(ERR_|E[A-Z]+$)/.test(error.code);
}
