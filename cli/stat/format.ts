import type { Golden } from '../../common/observe/graph.js';

export function formatRate(perSecond: number): string {
  return perSecond === 0 ? '-' : perSecond < 10 ? perSecond.toFixed(1) : perSecond.toFixed(0);
}

/** `-` without requests. */
export function formatSuccess({ requests, connectionsClosed, errorShare }: Golden): string {
  if (requests === 0 && connectionsClosed === 0) return '-';
  const percent = (1 - errorShare) * 100;
  return `${percent === 100 ? '100' : percent.toFixed(2)}%`;
}

export function formatMs(ms: number | undefined): string {
  if (ms === undefined) return '-';
  if (ms >= 10_000) return `${(ms / 1000).toFixed(0)}s`;
  return ms < 10 ? `${ms.toFixed(1)}ms` : `${ms.toFixed(0)}ms`;
}

export function formatBytesPerSecond(bytes: number): string {
  if (bytes === 0) return '-';
  if (bytes < 1000) return `${bytes.toFixed(0)}B/s`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)}kB/s` : `${(bytes / 1e6).toFixed(1)}MB/s`;
}

/** A node's id for people: `reviews-v1`, with its namespace unless all are of one. */
export function formatNode(id: string, namespace?: string): string {
  const [kind, first = '', second = ''] = id.split('/');
  if (kind === 'workload') return first === namespace ? second : `${second}.${first}`;
  return kind === 'service' ? first : id;
}

export const SIGNALS = ['SUCCESS', 'RPS', 'P50', 'P95', 'P99', 'CONNECTIONS'] as const;
export const WIDE_SIGNALS = ['REQUESTS', 'ERRORS', 'IN', 'OUT'] as const;

/** Open TCP connections, as edges tell of them; `-` where there was none. */
function tcpConnections({ connectionsOpen, connectionsOpened }: Golden): string {
  return connectionsOpen === 0 && connectionsOpened === 0 ? '-' : String(connectionsOpen);
}

/** `connections`: what stands in their column, where more is known than of TCP. */
export function signalCells(golden: Golden, wide: boolean, connections = tcpConnections(golden)): string[] {
  const cells = [
    formatSuccess(golden),
    formatRate(golden.requestsPerSecond),
    formatMs(golden.p50Ms),
    formatMs(golden.p95Ms),
    formatMs(golden.p99Ms),
    connections,
  ];
  if (!wide) return cells;
  const { requests, errors, receivedBytesPerSecond, sentBytesPerSecond } = golden;
  return [
    ...cells,
    String(requests),
    String(errors),
    formatBytesPerSecond(receivedBytesPerSecond),
    formatBytesPerSecond(sentBytesPerSecond),
  ];
}
