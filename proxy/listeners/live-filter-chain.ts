import type { Clock } from '../../common/runtime/clock.js';
import type { ConnectionManagerConfig } from '../http/connection-manager-config.js';
import { secretKeysOf } from '../tls/compile.js';
import type { SecretStore } from '../tls/secrets.js';
import { TlsTerminator } from '../tls/terminator.js';
import type { FilterChainConfig } from './config.js';

/** A connection that a codec or the relay serves. */
export interface ServedConnection {
  /** Ends when what is under way is done. */
  drain(): void;
  destroy(): void;
}

export interface LiveFilterChainOptions {
  readonly secrets: SecretStore;
  readonly clock: Clock;
}

/** Envoy waits without limit unless `transport_socket_connect_timeout` says otherwise; a handshake here never does. */
const HANDSHAKE_TIMEOUT_MS = 15_000;

/**
 * A filter chain as long as its transport (match, TLS, network filters) stays the same. New HTTP settings reach open
 * connections at their next request; new TCP settings reach new connections.
 */
export class LiveFilterChain {
  readonly terminator: TlsTerminator | undefined;
  /** What HTTP connections read; undefined for a TCP chain. */
  readonly http: { current: ConnectionManagerConfig } | undefined;
  readonly connections = new Set<ServedConnection>();
  private latest: FilterChainConfig;

  constructor(
    config: FilterChainConfig,
    /** Equal keys mean that connections may live on under the new configuration. */
    readonly transportKey: string,
    options: LiveFilterChainOptions,
  ) {
    this.latest = config;
    this.http = config.terminal.kind === 'http' ? { current: config.terminal.config } : undefined;
    this.terminator = config.tls === undefined ? undefined : makeTerminator(config, config.tls, options);
  }

  get config(): FilterChainConfig {
    return this.latest;
  }

  update(config: FilterChainConfig): void {
    this.latest = config;
    if (this.http !== undefined && config.terminal.kind === 'http') this.http.current = config.terminal.config;
  }

  /** Lets connections finish; those still there after `graceMs` are cut. */
  drain(clock: Clock, graceMs: number): void {
    this.terminator?.close();
    for (const connection of [...this.connections]) connection.drain();
    if (this.connections.size === 0) return;
    clock.after(graceMs, () => this.destroy());
  }

  destroy(): void {
    this.terminator?.close();
    for (const connection of [...this.connections]) connection.destroy();
  }
}

function makeTerminator(
  config: FilterChainConfig,
  tls: NonNullable<FilterChainConfig['tls']>,
  options: LiveFilterChainOptions,
): TlsTerminator {
  return new TlsTerminator(tls, {
    secrets: options.secrets,
    clock: options.clock,
    alpn: tls.alpn,
    handshakeTimeoutMs: config.transportConnectTimeoutMs > 0 ? config.transportConnectTimeoutMs : HANDSHAKE_TIMEOUT_MS,
  });
}

/** What a chain needs before it can serve: secrets, and route tables by RDS. */
export interface ChainNeeds {
  readonly secrets: readonly string[];
  readonly routes: readonly { readonly name: string; ready(): boolean }[];
}

export function needsOf(config: FilterChainConfig): ChainNeeds {
  const secrets = config.tls === undefined ? [] : secretKeysOf(config.tls);
  if (config.terminal.kind !== 'http') return { secrets, routes: [] };
  const source = config.terminal.config.routes;
  if (source.rdsName === undefined) return { secrets, routes: [] };
  return { secrets, routes: [{ name: source.rdsName, ready: () => source.current() !== undefined }] };
}
