import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { decodeMessage, encodeMessage } from './codec.js';
import { fromJson, toJson } from './json.js';
import { timestampFromJson, timestampToJson } from './json-scalars.js';
import { fromStruct, toStruct } from './struct.js';
import { EXTENSION, TYPE } from './type-urls.js';

const LISTENER = parse(`
name: in
address: { socket_address: { address: 127.0.0.1, port_value: 8080 } }
listener_filters_timeout: 1.5s
filter_chains:
- filter_chain_match: { destination_port: 80, server_names: [a.b], transport_protocol: tls }
  filters:
  - name: envoy.filters.network.http_connection_manager
    typed_config:
      "@type": ${EXTENSION.httpConnectionManager}
      stat_prefix: x
      codec_type: AUTO
      use_remote_address: true
      stream_idle_timeout: 0s
      access_log:
      - name: log
        typed_config:
          "@type": ${EXTENSION.fileAccessLog}
          path: /dev/stdout
          log_format:
            json_format: { a: "%PROTOCOL%", n: 1, l: [true, null, { x: y }] }
      route_config:
        name: r
        virtual_hosts:
        - name: v
          domains: ["*"]
          routes:
          - match: { prefix: / }
            route: { cluster: c, timeout: 0.010s }
      http_filters:
      - name: envoy.filters.http.router
        typed_config: { "@type": ${EXTENSION.router} }
`);

describe('proto3 JSON', () => {
  it('reads an Envoy listener, survives the wire, and prints the same', () => {
    const { message, errors } = fromJson(TYPE.listener, LISTENER);
    expect(errors).toEqual([]);
    const wired = decodeMessage(TYPE.listener, encodeMessage(TYPE.listener, message));
    const expected = structuredClone(LISTENER);
    expected.listener_filters_timeout = '1.500s';
    expected.filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].routes[0].route.timeout = '0.010s';
    expect(toJson(TYPE.listener, wired)).toEqual(expected);
    expect(toJson(TYPE.listener, message)).toEqual(expected);
  });

  it('reads lowerCamel names, numbers as strings and enums by number', () => {
    const cluster = { name: 'c', connectTimeout: '1s', perConnectionBufferLimitBytes: '32768', lbPolicy: 1 };
    const { message, errors } = fromJson(TYPE.cluster, cluster);
    expect(errors).toEqual([]);
    expect(message).toEqual({
      name: 'c',
      connect_timeout: { seconds: 1 },
      per_connection_buffer_limit_bytes: { value: 32768 },
      lb_policy: 'LEAST_REQUEST',
    });
  });

  const bad: [name: string, type: string, value: unknown, path: string, message: RegExp][] = [
    ['unknown field', TYPE.listener, { filter_chains: [{ foo: 1 }] }, 'filter_chains[0].foo', /unknown field/],
    ['wrong type', TYPE.cluster, { name: 7 }, 'name', /expected a string, got 7/],
    ['bad duration', TYPE.cluster, { connect_timeout: '1m' }, 'connect_timeout', /duration/],
    ['bad enum', TYPE.cluster, { lb_policy: 'BEST' }, 'lb_policy', /"BEST" is no value of/],
    [
      'out of range',
      TYPE.listener,
      { address: { socket_address: { port_value: -1 } } },
      'address.socket_address.port_value',
      /out of range/,
    ],
    [
      'two of a oneof',
      TYPE.listener,
      { address: { socket_address: { port_value: 1, named_port: 'x' } } },
      'address.socket_address.named_port',
      /only one of/,
    ],
    ['list wanted', TYPE.listener, { filter_chains: {} }, 'filter_chains', /expected a list/],
    [
      'unknown Any',
      TYPE.listener,
      { filter_chains: [{ filters: [{ typed_config: { '@type': 'type.googleapis.com/no.Such' } }] }] },
      'filter_chains[0].filters[0].typed_config',
      /type\.googleapis\.com\/no\.Such/,
    ],
    [
      'Any without type',
      TYPE.listener,
      { filter_chains: [{ filters: [{ typed_config: { a: 1 } }] }] },
      'filter_chains[0].filters[0].typed_config',
      /@type/,
    ],
    [
      'map key that is no name',
      TYPE.cluster,
      { typed_extension_protocol_options: { 'a.b': 1 } },
      'typed_extension_protocol_options["a.b"]',
      /@type/,
    ],
    ['no object', TYPE.cluster, [], '', /expected an object/],
  ]; // prettier-ignore
  it.each(bad)('names %s by its path', (_name, type, value, path, message) => {
    const { errors } = fromJson(type, value);
    expect(errors).toEqual([{ path, message: expect.stringMatching(message) }]);
  });

  it('collects every error and keeps what is good', () => {
    const { message, errors } = fromJson(TYPE.cluster, { name: 'c', a: 1, b: 2 });
    expect(errors.map((error) => error.path)).toEqual(['a', 'b']);
    expect(message).toEqual({ name: 'c' });
  });

  it('keeps an Any of a type that we do not carry', () => {
    const message = {
      name: 'c',
      metadata: {},
      transport_socket: { name: 't', typed_config: { type_url: 'x/y.Z', value: Buffer.from('hi') } },
    }; // prettier-ignore
    expect(toJson(TYPE.cluster, message)).toEqual({
      name: 'c',
      metadata: {},
      transport_socket: { name: 't', typed_config: { '@type': 'x/y.Z', value: 'aGk=' } },
    });
  });

  const times: [json: string, message: object][] = [
    ['1.500s', { seconds: 1, nanos: 500_000_000 }],
    ['-0.000000001s', { nanos: -1 }],
    ['0s', {}],
    ['-3s', { seconds: -3 }],
  ];
  it.each(times)('Duration %s', (json, message) => {
    const url = 'type.googleapis.com/google.protobuf.Duration';
    expect(fromJson(url, json)).toEqual({ message, errors: [] });
    expect(toJson(url, message)).toBe(json);
  });

  it('Timestamp', () => {
    const message = timestampFromJson('2026-01-02T03:04:05.250+01:00');
    expect(timestampToJson(message)).toBe('2026-01-02T02:04:05.250Z');
    expect(() => timestampFromJson('yesterday')).toThrow(/RFC 3339/);
  });

  it('carries wrappers inside an Any as their value', () => {
    const any = { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: 'x' };
    const url = 'type.googleapis.com/google.protobuf.Any';
    expect(fromJson(url, any)).toEqual({ message: any, errors: [] });
    expect(toJson(url, any)).toEqual(any);
  });

  it('keeps hostile keys as data', () => {
    const json = JSON.parse('{"__proto__": {"polluted": true}}') as Record<string, unknown>;
    expect(JSON.stringify(fromStruct(toStruct(json)))).toBe('{"__proto__":{"polluted":true}}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
