import type { Server, Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import type { ConnectionManagerConfig } from '../http/connection-manager-config.js';
import type { ConnectionInfo } from '../http/stream-info.js';
import { handshakeCounter } from '../tls/errors.js';
import { BoundSocket, keyOf } from './bound-socket.js';
import type { FilterChainConfig, ListenAddress, ListenerConfig, TcpProxyConfig } from './config.js';
import {
  connectionInfo,
  DIRECT,
  type IpPort,
  type Origin,
  type OriginalDestination,
  withPeer,
  withServerName,
} from './connection-info.js';
import { ConnectionLog } from './connection-log.js';
import { type ConnectionCriteria, FilterChainMatcher } from './filter-chain-match.js';
import { newListenerStats } from './listener-stats.js';
import { LiveFilterChain, type LiveFilterChainOptions, type ServedConnection } from './live-filter-chain.js';
import { passGates } from './network-gates.js';
import { receiveProxyHeader } from './receive-proxy-header.js';
import { type Sniffed, sniff } from './sniff.js';

export interface ListenerDeps extends LiveFilterChainOptions {
  readonly clock: Clock;
  readonly originalDestination: OriginalDestination;
  readonly makeTransparent?: (server: Server) => void;
  /** The listener in force for connections to an address, bound or not. */
  readonly listenerAt?: (destination: IpPort) => ActiveListener | undefined;
  readonly serveHttp: (
    socket: Socket,
    connection: ConnectionInfo,
    live: { current: ConnectionManagerConfig },
    protocol: 'http1' | 'http2',
  ) => ServedConnection;
  readonly serveTcp: (socket: Socket, connection: ConnectionInfo, config: TcpProxyConfig) => ServedConnection;
  /** A connection that was refused before a codec saw it: by a network filter, a failed handshake, no chain. */
  readonly onRefused: (
    listener: string,
    connection: ConnectionInfo,
    chain: FilterChainConfig | undefined,
    detail: string,
    flags?: number,
  ) => void;
  /** An inbound connection without the mesh's TLS that was let in. */
  readonly onPlaintext?: (chain: string, connection: ConnectionInfo) => void;
  readonly nextConnectionId: () => number;
}

/** What a connection that comes while its listener is leaving gets for its first request. */
const NEWCOMER_MS = 1000;

/** A listener in force: its sockets, its filter chains and their connections. */
export class ActiveListener {
  readonly stats = newListenerStats();
  private sockets: BoundSocket[] = [];
  /** Accepted, not yet with a codec. */
  private readonly arriving = new Set<Socket>();
  /** Accepted before the first configuration was warm. */
  private waiting: Socket[] = [];
  private config: ListenerConfig | undefined;
  private matcher: FilterChainMatcher | undefined;
  private chains = new Map<string, LiveFilterChain>();
  private stopped = false;
  private leaving = false;

  constructor(
    readonly name: string,
    private readonly deps: ListenerDeps,
  ) {}

  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    return this.sockets.map((socket) => socket.address);
  }

  get connectionCount(): number {
    let count = this.arriving.size;
    for (const chain of this.chains.values()) count += chain.connections.size;
    return count;
  }

  /** Binds what is not bound yet, then lets go of what is no longer wanted. Rejects, with nothing changed, on failure. */
  async bind(addresses: readonly ListenAddress[], transparent = false): Promise<void> {
    const wanted = new Map(addresses.map((address) => [keyOf(address), address]));
    const kept = this.sockets.filter((socket) => wanted.has(socket.key));
    for (const socket of kept) wanted.delete(socket.key);
    const added: BoundSocket[] = [];
    const prepare = transparent ? this.deps.makeTransparent : undefined;
    try {
      for (const address of wanted.values()) {
        added.push(await BoundSocket.bind(address, (socket) => this.onConnection(socket), prepare));
      }
    } catch (error) {
      for (const socket of added) socket.close();
      throw error;
    }
    for (const socket of this.sockets) if (!kept.includes(socket)) socket.close();
    this.sockets = [...kept, ...added];
  }

  /** Puts a warm configuration in force. Chains that are gone or changed their transport drain. */
  activate(config: ListenerConfig, transportKeys: ReadonlyMap<string, string>, graceMs: number): void {
    const previous = this.chains;
    this.chains = new Map();
    for (const chain of chainsOf(config)) {
      const key = transportKeys.get(chain.name) ?? '';
      const old = previous.get(chain.name);
      if (old?.transportKey === key) {
        old.update(chain);
        previous.delete(chain.name);
        this.chains.set(chain.name, old);
      } else {
        this.chains.set(chain.name, new LiveFilterChain(chain, key, this.deps));
      }
    }
    this.config = config;
    const matcher = FilterChainMatcher.build(config.filterChains, config.defaultFilterChain);
    this.matcher = matcher instanceof FilterChainMatcher ? matcher : undefined;
    for (const chain of previous.values()) chain.drain(this.deps.clock, graceMs);
    const waiting = this.waiting;
    this.waiting = [];
    for (const socket of waiting) if (!socket.destroyed) this.admit(socket, config);
  }

  /**
   * Lets connections finish and asks their clients to go, while new ones are still served: those who send them may not
   * know yet that this proxy ends.
   */
  leave(): void {
    this.leaving = true;
    for (const chain of this.chains.values()) for (const connection of [...chain.connections]) connection.drain();
  }

  /** Stops accepting and lets connections finish. */
  drain(graceMs: number): void {
    this.stopAccepting();
    for (const chain of this.chains.values()) chain.drain(this.deps.clock, graceMs);
  }

  destroy(): void {
    this.stopAccepting();
    for (const chain of this.chains.values()) chain.destroy();
    for (const socket of [...this.arriving]) socket.destroy();
  }

  private stopAccepting(): void {
    this.stopped = true;
    for (const socket of this.sockets) socket.close();
    for (const socket of this.waiting) socket.destroy();
    this.waiting = [];
  }

  private onConnection(socket: Socket): void {
    // A connection may fail at any moment before a codec owns it; its close event is all that counts then.
    socket.on('error', ignore);
    if (this.stopped) socket.destroy();
    else if (this.config === undefined) this.waiting.push(socket);
    else this.admit(socket, this.config);
  }

  /** Finds out where the connection was going, which may make it another listener's. */
  private admit(socket: Socket, config: ListenerConfig): void {
    const asks = config.originalDst && config.disabledFor?.originalDst?.(socket.localPort ?? 0) !== true;
    const destination = asks ? this.deps.originalDestination(socket) : undefined;
    const origin = destination === undefined ? DIRECT : { destination };
    const owner =
      destination !== undefined && config.handsOff === true ? this.deps.listenerAt?.(destination) : undefined;
    (owner ?? this).enter(socket, origin);
  }

  /** A connection that is this listener's. */
  private enter(socket: Socket, origin: Origin): void {
    const { config } = this;
    if (config === undefined || this.stopped) {
      socket.destroy();
      return;
    }
    this.stats.downstream_cx_total++;
    this.stats.downstream_cx_active++;
    this.arriving.add(socket);
    socket.once('close', () => {
      this.stats.downstream_cx_active--;
      this.arriving.delete(socket);
    });
    const { proxyProtocol, inspectTimeoutMs: timeoutMs } = config;
    if (proxyProtocol === undefined) {
      this.inspect(socket, origin, config);
      return;
    }
    receiveProxyHeader(socket, proxyProtocol, { timeoutMs, clock: this.deps.clock }, (result) => {
      if (result.kind === 'origin') {
        this.inspect(socket, { ...origin, ...result.origin }, config);
        return;
      }
      if (result.kind === 'refused') this.stats.downstream_cx_proxy_proto_error++;
      else this.stats.downstream_pre_cx_timeout++;
      socket.destroy();
    });
  }

  private inspect(socket: Socket, origin: Origin, config: ListenerConfig): void {
    const { disabledFor, inspectTimeoutMs: timeoutMs } = config;
    const port = origin.destination?.port ?? socket.localPort ?? 0;
    const tls = config.tlsInspector && disabledFor?.tlsInspector?.(port) !== true;
    const http = config.httpInspector && disabledFor?.httpInspector?.(port) !== true;
    if (!tls && !http) {
      this.choose(socket, origin, { kind: 'unknown' }, false);
      return;
    }
    sniff(socket, { tls, http, timeoutMs, clock: this.deps.clock }, (result) => {
      if (result.kind === 'silent') {
        this.stats.downstream_pre_cx_timeout++;
        if (!config.continueOnInspectTimeout) {
          this.stats.downstream_listener_filter_remote_close++;
          socket.destroy();
          return;
        }
      }
      this.choose(socket, origin, result, http);
    });
  }

  private choose(socket: Socket, origin: Origin, sniffed: Sniffed, httpKnown: boolean): void {
    if (socket.destroyed) return;
    const hello = sniffed.kind === 'tls' ? sniffed.hello : undefined;
    const connection = withServerName(connectionInfo(this.deps.nextConnectionId(), socket, origin), hello?.serverName);
    const loggers = this.config?.accessLogs ?? [];
    const log = loggers.length === 0 ? undefined : new ConnectionLog(socket, connection, loggers, this.deps.clock);
    const config = this.matcher?.match(criteriaOf(connection, sniffed));
    const chain = config === undefined ? undefined : this.chains.get(config.name);
    if (chain === undefined) {
      this.stats.no_filter_chain_match++;
      log?.refused('filter_chain_not_found', true);
      this.refuse(socket, connection, undefined, 'filter_chain_not_found');
      return;
    }
    if (chain.terminator === undefined) {
      this.begin(socket, connection, chain, httpKnown ? sniffed : undefined);
      return;
    }
    chain.terminator.accept(socket, hello, {
      onSecure: (secure, peer) => {
        secure.on('error', ignore);
        this.arriving.add(secure);
        secure.once('close', () => this.arriving.delete(secure));
        const secured = withPeer(connection, peer);
        log?.secured(secured);
        this.begin(secure, secured, chain, BY_ALPN[peer.alpn ?? '']);
      },
      onFailed: (detail) => {
        this.stats[handshakeCounter(detail)]++;
        log?.refused(detail, false);
        this.deps.onRefused(this.name, connection, chain.config, detail);
      },
    });
  }

  /** After the handshake, if there is one: network filters, then the codec or the relay. */
  private begin(socket: Socket, connection: ConnectionInfo, chain: LiveFilterChain, known: Sniffed | undefined): void {
    const { networkFilters } = chain.config;
    const serve = (): void => this.startServing(socket, connection, chain, known);
    if (networkFilters.length === 0) {
      serve();
      return;
    }
    passGates(networkFilters, {
      socket,
      connection,
      clock: this.deps.clock,
      onPassed: serve,
      onRefused: (detail, flags) => this.refuse(socket, connection, chain.config, detail, flags),
    });
  }

  private startServing(
    socket: Socket,
    connection: ConnectionInfo,
    chain: LiveFilterChain,
    known: Sniffed | undefined,
  ): void {
    if (connection.peer.tlsVersion === undefined && this.config?.direction === 'inbound') {
      this.deps.onPlaintext?.(chain.config.name, connection);
    }
    const { terminal } = chain.config;
    if (terminal.kind === 'tcp') {
      this.serve(socket, chain, () => this.deps.serveTcp(socket, connection, terminal.config));
      return;
    }
    const { codec } = terminal.config;
    if (codec === 'http1' || codec === 'http2') {
      this.beginHttp(socket, connection, chain, { kind: codec });
      return;
    }
    if (known !== undefined && known.kind !== 'silent') {
      this.beginHttp(socket, connection, chain, known);
      return;
    }
    const timeoutMs = this.config?.inspectTimeoutMs ?? 0;
    sniff(socket, { tls: false, http: true, timeoutMs, clock: this.deps.clock }, (result) =>
      this.beginHttp(socket, connection, chain, result),
    );
  }

  private beginHttp(socket: Socket, connection: ConnectionInfo, chain: LiveFilterChain, sniffed: Sniffed): void {
    const { http } = chain;
    if (http === undefined || socket.destroyed) return;
    const protocol = sniffed.kind === 'http2' ? 'http2' : 'http1';
    this.serve(socket, chain, () => this.deps.serveHttp(socket, connection, http, protocol));
  }

  private serve(socket: Socket, chain: LiveFilterChain, start: () => ServedConnection): void {
    this.arriving.delete(socket);
    const served = start();
    chain.connections.add(served);
    socket.once('close', () => chain.connections.delete(served));
    // The chain may have been replaced while the connection was shaking hands.
    if (this.stopped || this.chains.get(chain.config.name) !== chain) served.drain();
    else if (this.leaving) this.leaveSoon(socket, served);
  }

  /** Draining closes idle connections, and this one's first request may just be on its way. */
  private leaveSoon(socket: Socket, served: ServedConnection): void {
    const timer = this.deps.clock.after(NEWCOMER_MS, () => served.drain());
    socket.once('close', () => timer.cancel());
  }

  private refuse(
    socket: Socket,
    connection: ConnectionInfo,
    chain: FilterChainConfig | undefined,
    detail: string,
    flags = 0,
  ): void {
    socket.destroy();
    this.deps.onRefused(this.name, connection, chain, detail, flags);
  }
}

export function chainsOf(config: ListenerConfig): FilterChainConfig[] {
  return config.defaultFilterChain === undefined
    ? [...config.filterChains]
    : [...config.filterChains, config.defaultFilterChain];
}

function criteriaOf(connection: ConnectionInfo, sniffed: Sniffed): ConnectionCriteria {
  const hello = sniffed.kind === 'tls' ? sniffed.hello : undefined;
  return {
    destinationIp: connection.localIp,
    destinationPort: connection.localPort,
    serverName: hello?.serverName ?? '',
    transportProtocol: hello === undefined ? 'raw_buffer' : 'tls',
    applicationProtocols: hello?.alpn ?? HTTP_PROTOCOLS[sniffed.kind] ?? [],
    sourceIp: connection.remoteIp,
    sourcePort: connection.remotePort,
  };
}

/** What ALPN settles needs no look at the first bytes. */
const BY_ALPN: Readonly<Record<string, Sniffed>> = { 'http/1.1': { kind: 'http1' }, h2: { kind: 'http2' } };

/** What Envoy's HTTP inspector calls what it saw. */
const HTTP_PROTOCOLS: Readonly<Record<string, readonly string[]>> = { http1: ['http/1.1', 'http/1.0'], http2: ['h2c'] };

function ignore(): void {}
