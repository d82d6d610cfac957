import { accessLog } from './differential.js';

/** Building blocks of the static resources that both proxies are given. */
const TYPE = 'type.googleapis.com/envoy';

const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** A listener with one connection manager. `manager` goes over what is here. */
export function httpListener(name: string, port: number, manager: object, filters: readonly object[] = []): object {
  return {
    name,
    address: address(port),
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type': `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
              stat_prefix: name,
              access_log: accessLog(),
              http_filters: [...filters, filter('router', 'router.v3.Router')],
              ...manager,
            },
          },
        ],
      },
    ],
  };
}

/** An HTTP filter by the ends of its name and type. */
export function filter(name: string, type: string, config: object = {}): object {
  return {
    name: `envoy.filters.http.${name}`,
    typed_config: { '@type': `${TYPE}.extensions.filters.http.${type}`, ...config },
  };
}

/** One priority of a cluster: its ports. */
export type Endpoints = readonly number[];

/** A static cluster with one locality a priority. `more` goes over what is here. */
export function cluster(name: string, priorities: readonly Endpoints[], more: object = {}): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: name,
      endpoints: priorities.map((ports, priority) => ({
        priority,
        lb_endpoints: ports.map((port) => ({ endpoint: { address: address(port) } })),
      })),
    },
    ...more,
  };
}
