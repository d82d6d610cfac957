import type { AnyExtension } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { UpstreamTls } from '../tls/context.js';
import type { ClusterConfig } from './cluster-config.js';
import { compileCluster } from './compile-cluster.js';
import { chooseTransport } from './compile-transport.js';

const TLS = { sni: 'x' } as UpstreamTls;
const deps = {
  compileTls: (message: { sni?: string }): UpstreamTls => {
    if (message.sni === 'bad') throw new Error('no good');
    return TLS;
  },
};

function compile(message: Cluster): ClusterConfig {
  const result = compileCluster({ name: 'c', ...message }, deps);
  if (!result.ok) throw new Error(result.errors.join('\n'));
  return result.config;
}

function errors(message: Cluster): readonly string[] {
  const result = compileCluster({ name: 'c', ...message }, deps);
  return result.ok ? [] : result.errors;
}

describe('defaults', () => {
  it("are Envoy's", () => {
    const config = compile({});
    expect(config).toMatchObject({
      balancer: { kind: 'round-robin' },
      common: { panicThreshold: 50, localityWeighted: false },
      settings: {
        connectTimeoutMs: 5000,
        idleTimeoutMs: 3_600_000,
        maxRequestsPerConnection: 0,
        maxConnectionDurationMs: 0,
      },
      breakers: {
        default: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 },
        high: { maxConnections: 1024 },
      },
      outlier: undefined,
      keepAlive: undefined,
      service: undefined,
    });
    expect(compile({ outlier_detection: {} }).outlier).toMatchObject({
      intervalMs: 10_000,
      baseEjectionMs: 30_000,
      maxEjectionMs: 300_000,
      maxEjectionPercent: 10,
      consecutive5xx: 5,
      enforcingConsecutiveGatewayFailure: 0,
      successRateStdevFactor: 1.9,
    });
  });
});

describe('fields', () => {
  it('reads a service from Istio metadata', () => {
    const fields = { host: { stringValue: 'h' }, name: { stringValue: 'n' }, namespace: { stringValue: 'ns' } };
    const services = { listValue: { values: [{ structValue: { fields } }] } };
    const config = compile({ metadata: { filter_metadata: { istio: { fields: { services } } } } });
    expect(config.service).toEqual({ host: 'h', name: 'n', namespace: 'ns' });
  });

  it('reads HTTP options of the extension', () => {
    const config = compile({
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
          '@type': EXTENSION.httpProtocolOptions,
          common_http_protocol_options: {
            idle_timeout: { seconds: 7, nanos: 500_000_000 },
            max_requests_per_connection: { value: 3 },
          },
          explicit_http_config: { http_protocol_options: {} },
        } as AnyExtension,
      },
    });
    expect(config.settings).toMatchObject({ idleTimeoutMs: 7500, maxRequestsPerConnection: 3 });
  });

  it('keeps a zero that is given', () => {
    const config = compile({
      circuit_breakers: { thresholds: [{ max_retries: {} }] },
      common_lb_config: { healthy_panic_threshold: {} },
    });
    expect(config.breakers.default.maxRetries).toBe(0);
    expect(config.common.panicThreshold).toBe(0);
  });

  it('chooses the transport by the metadata of an endpoint', () => {
    const config = compile({
      transport_socket_matches: [
        {
          name: 'tls',
          match: { fields: { tlsMode: { stringValue: 'istio' } } },
          transport_socket: { name: 'tls', typed_config: { '@type': EXTENSION.upstreamTls } },
        },
        { name: 'plain', match: {}, transport_socket: { name: 'envoy.transport_sockets.raw_buffer' } },
      ],
    });
    expect(chooseTransport(config.transport, new Map([['tlsMode', 'istio']])).tls).toBe(TLS);
    expect(chooseTransport(config.transport, new Map()).tls).toBeUndefined();
  });
});

it.each<[string, Cluster, string]>([
  ['no name', { name: '' }, 'name: is required'],
  ['an EDS cluster without a source', { type: 'EDS' }, 'eds_cluster_config: is required for a cluster of type EDS'],
  ['a custom type', { cluster_type: { name: 'x' } }, 'cluster_type: extension not supported: x'],
  [
    'a name where an address must be',
    {
      load_assignment: {
        endpoints: [
          { lb_endpoints: [{ endpoint: { address: { socket_address: { address: 'a.b', port_value: 1 } } } }] },
        ],
      },
    },
    'load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: malformed IP address: a.b',
  ],
  [
    'a table size that is no prime',
    { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: { value: 65_536 } } },
    'maglev_lb_config.table_size: must be a prime number',
  ],
  [
    'a foreign transport socket',
    { transport_socket: { name: 'quic', typed_config: { '@type': 'type.googleapis.com/x.Quic' } } },
    'transport_socket: transport socket not supported: type.googleapis.com/x.Quic',
  ],
  [
    'TLS settings that do not compile',
    { transport_socket: { name: 'tls', typed_config: { '@type': EXTENSION.upstreamTls, sni: 'bad' } as AnyExtension } },
    'transport_socket.typed_config: no good',
  ],
  [
    'a percentage above 100',
    { outlier_detection: { max_ejection_percent: { value: 101 } } },
    'outlier_detection.max_ejection_percent: above 100',
  ],
])('refuses %s', (_, message, expected) => {
  expect(errors(message)).toContain(expected);
});

it('names what has no effect', () => {
  const result = compileCluster({ name: 'c', lrs_server: { self: {} } }, deps);
  expect(result.ok && result.warnings).toEqual(['lrs_server: not acted on']);
});
