import { constants, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Clock } from '../../common/runtime/clock.js';
import type { PeerInfo } from '../http/stream-info.js';
import { secretKeysOf } from './compile.js';
import type { DownstreamTls } from './context.js';
import { certificateError, SECRET_MISSING, tlsErrorDetail } from './errors.js';
import { resolveMaterial, type TlsMaterial } from './material.js';
import { peerInfo, readPeerCertificate } from './peer.js';
import type { SecretStore, SecretWatch } from './secrets.js';
import { peerFault } from './verify.js';

export interface TlsAcceptEvents {
  /** The handshake is done and the peer is verified as the settings ask. */
  onSecure(socket: TLSSocket, peer: PeerInfo): void;
  /** No such connection came about; the socket is destroyed. */
  onFailed(detail: string): void;
}

export interface TerminatorOptions {
  readonly secrets: SecretStore;
  readonly clock: Clock;
  /** ALPN protocols that this chain can serve, in order of preference; a part of the settings' list. */
  readonly alpn: readonly string[];
  readonly handshakeTimeoutMs: number;
}

/** How long the keys of session tickets are used (RFC 8446 section C.4: not for the life of a process). */
const TICKET_KEYS_MS = 12 * 3_600_000;
const TICKET_KEY_BYTES = 48;

interface Pending {
  readonly events: TlsAcceptEvents;
  readonly serverName: string | undefined;
}

/**
 * Server side of TLS for one filter chain: a tls.Server that does not listen and is given sockets whose first bytes
 * were pushed back. (A bare TLSSocket would let unverified certificates in.) A rotated secret replaces the context for new
 * handshakes; open connections keep theirs.
 */
export class TlsTerminator {
  private readonly settings: DownstreamTls;
  private readonly options: TerminatorOptions;
  private readonly watch: SecretWatch;
  /** By the addresses of both ends: a client may use one port towards several addresses of a listener. */
  private readonly pending = new Map<string, Pending>();
  private material: TlsMaterial | undefined;
  private withAlpn: Server | undefined;
  /** Monotonic ms. */
  private ticketKeysSince: number;
  private withoutAlpn: Server | undefined;

  constructor(settings: DownstreamTls, options: TerminatorOptions) {
    this.settings = settings;
    this.options = options;
    const keys = secretKeysOf(settings);
    this.ticketKeysSince = options.clock.monotonic();
    this.load();
    this.watch = options.secrets.watch((key) => {
      if (keys.includes(key)) this.load();
    });
  }

  /** Whether every secret has come. Before that, connections are refused. */
  get ready(): boolean {
    return this.material !== undefined;
  }

  /**
   * Takes over a socket. `offer` is the ALPN list of the sniffed ClientHello: a client with whom we share no protocol is
   * served without one, as Envoy does, where node's server would send an alert.
   */
  accept(socket: Socket, hello: TlsHello | undefined, events: TlsAcceptEvents): void {
    const server = this.serverFor(hello?.alpn);
    if (server === undefined) {
      socket.destroy();
      events.onFailed(SECRET_MISSING);
      return;
    }
    const key = peerKey(socket);
    this.pending.set(key, { events, serverName: hello?.serverName });
    // Whatever ends the handshake closes the socket; when it succeeds the entry is gone by then.
    socket.once('close', () => this.fail(key, 'connection closed during the TLS handshake'));
    server.emit('connection', socket);
  }

  /** Stops watching secrets. Connections live on. */
  close(): void {
    this.watch.cancel();
  }

  private serverFor(offer: readonly string[] | undefined): Server | undefined {
    if (this.material === undefined) return undefined;
    this.renewTicketKeys();
    const { alpn } = this.options;
    const shared = alpn.length > 0 && (offer === undefined || offer.some((protocol) => alpn.includes(protocol)));
    if (shared) {
      this.withAlpn ??= this.makeServer(this.material, alpn);
      return this.withAlpn;
    }
    this.withoutAlpn ??= this.makeServer(this.material, []);
    return this.withoutAlpn;
  }

  /** Who comes with a ticket of the old keys makes a full handshake. */
  private renewTicketKeys(): void {
    const now = this.options.clock.monotonic();
    if (now - this.ticketKeysSince < TICKET_KEYS_MS) return;
    this.ticketKeysSince = now;
    for (const server of [this.withAlpn, this.withoutAlpn]) server?.setTicketKeys(randomBytes(TICKET_KEY_BYTES));
  }

  private load(): void {
    this.material = resolveMaterial(this.settings, this.options.secrets);
    // New servers instead of new contexts in the old ones: session tickets of the old secrets end with them.
    this.withAlpn = undefined;
    this.withoutAlpn = undefined;
  }

  private makeServer(material: TlsMaterial, alpn: readonly string[]): Server {
    const server = createServer({
      ...material.options,
      requestCert: material.verifies,
      // The verdict is the library's, but acted on in onSecure: rejected here, nobody would learn the reason.
      rejectUnauthorized: false,
      // Node lets clients renegotiate TLS 1.2, and so change their certificate after it was looked at.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      handshakeTimeout: this.options.handshakeTimeoutMs,
      ...(alpn.length > 0 ? { ALPNProtocols: [...alpn] } : {}),
    });
    server.on('secureConnection', (socket) => this.onSecure(socket, material));
    server.on('tlsClientError', (error, socket) => this.fail(peerKey(socket), tlsErrorDetail(error)));
    return server;
  }

  private onSecure(socket: TLSSocket, material: TlsMaterial): void {
    const key = peerKey(socket);
    const pending = this.pending.get(key);
    if (pending === undefined) {
      socket.destroy();
      return;
    }
    const raw = material.verifies ? socket.getPeerX509Certificate() : undefined;
    const shown = raw === undefined ? undefined : readPeerCertificate(raw);
    const fault = this.faultOf(socket, shown, material);
    if (fault !== undefined) {
      this.fail(key, fault);
      socket.destroy();
      return;
    }
    this.pending.delete(key);
    const certificate = socket.authorized ? shown : undefined;
    pending.events.onSecure(
      socket,
      peerInfo(socket, certificate, {
        localUriSan: material.localUriSan,
        localCertificate: material.localCertificate,
        sni: pending.serverName ?? sniOf(socket),
      }),
    );
  }

  private faultOf(
    socket: TLSSocket,
    certificate: ReturnType<typeof readPeerCertificate> | undefined,
    { domains }: TlsMaterial,
  ): string | undefined {
    if (certificate === undefined) {
      return this.settings.requireClientCertificate ? certificateError('peer did not return a certificate') : undefined;
    }
    if (!socket.authorized) {
      const accepted = this.settings.validation.acceptsUntrusted === true;
      return accepted ? undefined : certificateError(String(socket.authorizationError));
    }
    const fault =
      peerFault(certificate, this.settings.validation, this.options.clock.now()) ?? domains?.fault(socket, certificate);
    return fault === undefined ? undefined : certificateError(fault);
  }

  private fail(key: string, detail: string): void {
    const pending = this.pending.get(key);
    if (pending === undefined) return;
    this.pending.delete(key);
    pending.events.onFailed(detail);
  }
}

/** What the inspection of a ClientHello found. */
export interface TlsHello {
  readonly serverName: string | undefined;
  readonly alpn: readonly string[];
}

function peerKey(socket: Socket): string {
  return `${socket.remoteAddress}|${socket.remotePort}|${socket.localAddress}|${socket.localPort}`;
}

function sniOf(socket: TLSSocket): string | undefined {
  const name: unknown = Reflect.get(socket, 'servername');
  return typeof name === 'string' ? name : undefined;
}
