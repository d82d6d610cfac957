import type { ConnectionManagerConfig } from '../http/connection-manager-config.js';
import { HeaderList } from '../http/headers.js';
import type { RequestHead } from '../http/message.js';
import { type ConnectionInfo, StreamInfo } from '../http/stream-info.js';
import type { TcpProxyConfig } from './config.js';

/**
 * Where an HTTP/2 connection may be relayed as TCP, for want of a codec: to the cluster of the chain's catch-all route.
 * Where a filter guards what is behind there is no such place, since the relay would go round it.
 */
export function http2Target(config: ConnectionManagerConfig, connection: ConnectionInfo): TcpProxyConfig | undefined {
  if (config.filters.some(({ guards }) => guards === true)) return undefined;
  const request: RequestHead = {
    method: 'PRI',
    path: '/',
    authority: '*',
    scheme: 'http',
    version: 'HTTP/2',
    headers: new HeaderList(),
  };
  const random = (): number => 0;
  const route = config.routes.current()?.match(request, { info: new StreamInfo(connection), random });
  if (route?.action.kind !== 'forward') return undefined;
  const choice = route.action.selectCluster(random, request);
  if (choice === undefined) return undefined;
  return {
    statPrefix: config.statPrefix,
    clusters: [{ name: choice.name, weight: 1 }],
    idleTimeoutMs: config.timeouts.idleMs,
    maxConnectAttempts: 1,
    accessLogs: config.accessLogs,
    onClose: [],
  };
}
