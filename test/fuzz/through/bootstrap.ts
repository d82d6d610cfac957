import { MARK } from './upstream.js';

const HTTP = 'type.googleapis.com/envoy.extensions.filters';

/** One listener, one route, one cluster; every request is marked, whatever mark it brings. */
export function bootstrap(upstreamPort: number, word: string): object {
  const mark = { key: MARK, value: `${word} %DOWNSTREAM_REMOTE_ADDRESS%` };
  const manager = {
    '@type': `${HTTP}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'fuzz',
    http_protocol_options: { accept_http_10: true, default_host_for_http_10: 'a' },
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          request_headers_to_add: [{ header: mark, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'upstream', timeout: '0s' } }],
        },
      ],
    },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: { '@type': `${HTTP}.http.router.v3.Router` } }],
  };
  return {
    node: { id: 'fuzz', cluster: 'fuzz' },
    static_resources: {
      listeners: [
        {
          name: 'ingress',
          address: socket(0),
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
          ],
        },
      ],
      clusters: [
        {
          name: 'upstream',
          type: 'STATIC',
          connect_timeout: '10s',
          load_assignment: {
            cluster_name: 'upstream',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(upstreamPort) } }] }],
          },
        },
      ],
    },
  };
}

function socket(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
