import { expect, it } from 'vitest';
import { listenerRows } from './listeners.js';

const tcp = (fields: object): object => ({ filters: [{ typed_config: fields }] });

it('says of every filter chain what it takes and where it leads, the last resort included', () => {
  const listener = {
    name: '0.0.0.0_443',
    address: { socket_address: { address: '0.0.0.0', port_value: 443 } },
    filter_chains: [
      { filter_chain_match: { server_names: ['a.example.com'] }, ...tcp({ cluster: 'a' }) },
      {
        filter_chain_match: {
          destination_port: 15001,
          prefix_ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }],
          source_prefix_ranges: [{ address_prefix: '10.1.0.1', prefix_len: 32 }],
        },
        ...tcp({
          weighted_clusters: {
            clusters: [
              { name: 'b', weight: 90 },
              { name: 'c', weight: 10 },
            ],
          },
        }),
      },
      {
        filter_chain_match: { transport_protocol: 'raw_buffer', application_protocols: ['http/1.1', 'h2c'] },
        ...tcp({ rds: { route_config_name: '443' } }),
      },
    ],
    default_filter_chain: tcp({ cluster: 'PassthroughCluster' }),
  };
  const dump = {
    configs: [{ '@type': 'x.ListenersConfigDump', dynamic_listeners: [{ active_state: { listener } }] }],
  };
  expect(listenerRows(dump)).toEqual([
    ['0.0.0.0_443', '0.0.0.0', '443', 'SNI: a.example.com', 'Cluster: a'],
    ['', '', '', 'Port: 15001; Addr: 10.0.0.0/8; Source: 10.1.0.1/32', 'Clusters: b (90), c (10)'],
    ['', '', '', 'Trans: raw_buffer; App: http/1.1,h2c', 'Route: 443'],
    ['', '', '', 'ALL', 'Cluster: PassthroughCluster'],
  ]);
});
