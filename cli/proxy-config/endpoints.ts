import { at, type Json, list, text } from './dump.js';

export const HEAD = ['ENDPOINT', 'STATUS', 'OUTLIER CHECK', 'CLUSTER'];

/** Rows from Envoy's `/clusters?format=json`: what the sidecar balances over at this moment. */
export function endpointRows(clusters: Json): string[][] {
  return list(clusters, 'cluster_statuses')
    .flatMap((cluster) =>
      list(cluster, 'host_statuses').map((host) => {
        const address = text(host, 'address', 'socket_address', 'address');
        const port = text(host, 'address', 'socket_address', 'port_value');
        const health = text(host, 'health_status', 'eds_health_status') || 'HEALTHY';
        const ejected = at(host, 'health_status', 'failed_outlier_check') === true;
        return [`${address}:${port}`, health, ejected ? 'FAILED' : 'OK', text(cluster, 'name')];
      }),
    )
    .sort((a, b) => (a[3] ?? '').localeCompare(b[3] ?? '') || (a[0] ?? '').localeCompare(b[0] ?? ''));
}
