import type { Socket } from 'node:net';
import type { Clock, Random } from '../../common/runtime/clock.js';
import type { ConnectionInfo } from '../http/stream-info.js';
import type { TcpProxyConfig } from '../listeners/config.js';
import type { Clusters } from '../upstream/cluster.js';
import { TcpSession } from './tcp-session.js';

export interface TcpDeps {
  readonly clusters: Clusters;
  readonly clock: Clock;
  readonly random: Random;
  /** Takes the place of the configured clusters (envoy.filters.network.sni_cluster). */
  readonly cluster?: string;
}

export interface TcpHandle {
  /** An established connection goes on; one that has not reached upstream yet is closed. */
  drain(): void;
  /** Closes both sides at once. */
  destroy(): void;
}

/**
 * Relays an accepted connection to a cluster (envoy.filters.network.tcp_proxy). The socket must be paused or unread;
 * bytes that were unshifted go upstream first. Upstream is connected at once, so server-first protocols work.
 */
export function serveTcp(socket: Socket, connection: ConnectionInfo, config: TcpProxyConfig, deps: TcpDeps): TcpHandle {
  const session = new TcpSession(socket, connection, config, deps);
  session.start();
  return session;
}
