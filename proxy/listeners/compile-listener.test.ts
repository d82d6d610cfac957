import { describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { seededRandom } from '../../common/runtime/testing.js';
import { EXTENSION, TYPE } from '../../common/xds/type-urls.js';
import { noCounters } from '../filters/counter.js';
import { compileFault } from '../filters/fault.js';
import { FILTER_DISABLED } from '../filters/filter.js';
import { type FilterDeps, httpFilterFactories, networkFilters } from '../filters/registry.js';
import { filterContext } from '../filters/testing.js';
import { fromYaml, TEST_ROUTE_DEPS, testRequest } from '../router/testing.js';
import { Issues } from '../snapshot/issues.js';
import { compileDownstreamTls } from '../tls/compile.js';
import type { ListenerDeps } from './compile-deps.js';
import { compileListener } from './compile-listener.js';

const workload = {
  workload: '',
  namespace: '',
  canonicalService: '',
  canonicalRevision: '',
  app: '',
  version: '',
  cluster: '',
};
const FILTERS: FilterDeps = {
  clock: systemClock,
  random: seededRandom(),
  counters: noCounters,
  serviceCluster: '',
  clusters: { get: () => undefined },
  services: undefined as never,
  peerMetadata: {
    own: { ...workload, nodeId: '', instance: '', owner: '' },
    trusts: () => false,
    goesToMesh: () => false,
  },
  createStatsFilter: () => ({ name: 'istio.stats' }),
  createTcpStats: () => ({ onOpen: () => {}, onClose: () => {} }),
};
const DEPS: ListenerDeps = {
  routes: TEST_ROUTE_DEPS,
  httpFilters: httpFilterFactories(FILTERS),
  networkFilters: networkFilters(FILTERS),
  compileDownstreamTls,
  compileTracing: () => undefined,
  compileAccessLog: () => ({ log: () => {} }),
  routeSource: (rdsName) => ({ rdsName, current: () => undefined }),
};

const URL = 'type.googleapis.com/envoy.extensions.filters';
const ROUTER = `{name: router, typed_config: {"@type": ${URL}.http.router.v3.Router, suppress_envoy_headers: true}}`;

function listener(chain: string, rest = ''): ReturnType<typeof compileListener> {
  const yaml = `
name: l
address: {socket_address: {address: 0.0.0.0, port_value: 15006}}
traffic_direction: INBOUND
${rest}
filter_chains:
${chain}`;
  return compileListener(fromYaml(TYPE.listener, yaml), DEPS);
}

function http(fields: string, filters = ''): string {
  return `
- filters:
  - name: hcm
    typed_config:
      "@type": ${URL}.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: in
      http_filters: [${filters}${ROUTER}]
      ${fields}`;
}

const RDS = 'rds: {route_config_name: "80", config_source: {ads: {}}}';

function httpConfig(fields: string, filters = '') {
  const compiled = listener(http(`${RDS}\n      ${fields}`, filters));
  if ('errors' in compiled) throw new Error(compiled.errors.join('\n'));
  const terminal = compiled.config.filterChains[0]?.terminal;
  if (terminal?.kind !== 'http') throw new Error('no HTTP');
  return { config: terminal.config, compiled };
}

describe('connection manager', () => {
  it('has the defaults of Envoy', () => {
    const { config, compiled } = httpConfig('');
    expect(config).toMatchObject({
      statPrefix: 'in',
      direction: 'inbound',
      serverName: 'envoy',
      serverHeader: 'overwrite',
      timeouts: {
        idleMs: 3_600_000,
        maxConnectionDurationMs: 0,
        streamIdleMs: 300_000,
        requestMs: 0,
        requestHeadersMs: 0,
        drainMs: 5000,
      },
      maxRequestHeadBytes: 61_440,
      maxRequestHeaders: 100,
      requestId: { generate: true, preserveExternal: false, alwaysInResponse: false },
      xff: { useRemoteAddress: false, trustedHops: 0, skipAppend: false },
      forwardClientCert: 'sanitize',
      path: { normalize: false, mergeSlashes: false, escapedSlashes: 'keep' },
      stripPort: 'none',
      http10: { accept: false, defaultHost: '' },
      suppressEnvoyHeaders: true,
    });
    expect(compiled.rdsNames).toEqual(['80']);
    expect(compiled.warnings).toEqual([]);
  });

  it('takes what is set', () => {
    const fields = [
      'use_remote_address: true',
      'normalize_path: true',
      'forward_client_cert_details: APPEND_FORWARD',
      'set_current_client_cert_details: {uri: true, subject: true}',
      'stream_idle_timeout: 0s',
      'upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: CONNECT, enabled: false}]',
      'server_name: istio-envoy',
      'path_with_escaped_slashes_action: REJECT_REQUEST',
      'http_protocol_options: {accept_http_10: true}',
      'strip_any_host_port: true',
    ];
    const { config } = httpConfig(fields.join('\n      '));
    expect(config).toMatchObject({
      xff: { useRemoteAddress: true },
      forwardClientCert: 'append-forward',
      clientCertDetails: { uri: true, subject: true, dns: false },
      timeouts: { streamIdleMs: 0 },
      upgrades: new Set(['websocket']),
      serverName: 'istio-envoy',
      path: { normalize: true, escapedSlashes: 'reject' },
      http10: { accept: true },
      stripPort: 'any',
    });
  });

  it.each([
    ['proxy_status_config: {remove_details: true}', 'proxy_status_config: is not supported'],
    ['local_reply_config: {mappers: [{status_code: 500}]}', 'local_reply_config.mappers: is not supported'],
    ['codec_type: HTTP3', 'HTTP3 is not supported'],
    ['add_user_agent: true', 'add_user_agent: is not supported'],
    ['set_current_client_cert_details: {chain: true}', 'set_current_client_cert_details.chain: is not supported'],
  ])('refuses %s', (fields, message) => {
    const compiled = listener(http(`${RDS}\n      ${fields}`));
    expect('errors' in compiled && compiled.errors.join()).toContain(message);
  });

  it('names what has no effect', () => {
    expect(httpConfig('add_proxy_protocol_connection_state: true').compiled.warnings).toEqual([
      'filter_chains[0].filters[0].add_proxy_protocol_connection_state: has no effect',
    ]);
  });

  it('reports all errors at once, those of its routes included', () => {
    const compiled = listener(
      http(
        'route_config: {virtual_hosts: [{name: h, domains: ["*"], routes: [{match: {prefix: /}}]}]}\n      append_x_forwarded_port: true',
        '{name: what},',
      ),
    );
    expect('errors' in compiled && compiled.errors).toHaveLength(3);
  });
});

describe('filters', () => {
  const fault = (more: string) =>
    `{name: f, ${more} typed_config: {"@type": ${URL}.http.fault.v3.HTTPFault, abort: {http_status: 503, percentage: {numerator: 100}}}},`;

  it('a route may switch a filter off', () => {
    const filter = httpConfig('', fault('')).config.filters[0];
    expect(filter?.onRequest?.(filterContext())).toMatchObject({ status: 503 });
    expect(filter?.onRequest?.(filterContext(testRequest('a/'), { config: FILTER_DISABLED }))).toBeUndefined();
  });

  it('a disabled filter does nothing unless a route configures it', () => {
    const filter = httpConfig('', fault('disabled: true,')).config.filters[0];
    expect(filter?.onRequest?.(filterContext())).toBeUndefined();
    const yaml = '{abort: {http_status: 418, percentage: {numerator: 100}}}';
    const config = compileFault(fromYaml(EXTENSION.fault, yaml), seededRandom(), new Issues());
    expect(filter?.onRequest?.(filterContext(testRequest('a/'), { config }))).toMatchObject({ status: 418 });
  });

  it('an unknown filter is an error unless it is optional', () => {
    const build = (optional: boolean) => {
      const message = fromYaml(TYPE.listener, '{name: l, address: {socket_address: {address: "::", port_value: 1}}}');
      const typed = {
        '@type': `${URL}.network.http_connection_manager.v3.HttpConnectionManager`,
        rds: { route_config_name: 'r', config_source: { ads: {} } },
        http_filters: [
          { name: 'w', is_optional: optional, typed_config: { type_url: 'unknown/x', value: Buffer.alloc(0) } },
          { name: 'router', typed_config: { '@type': `${URL}.http.router.v3.Router` } },
        ],
      };
      return compileListener({ ...message, filter_chains: [{ filters: [{ name: 'h', typed_config: typed }] }] }, DEPS);
    };
    const required = build(false);
    expect('errors' in required && required.errors.join()).toContain("of type 'unknown/x' is not supported");
    const optional = build(true);
    expect('warnings' in optional && optional.warnings).toHaveLength(1);
  });

  it('the router must come last', () => {
    const compiled = listener(http(RDS, `${ROUTER},`));
    expect('errors' in compiled && compiled.errors.join()).toContain('stands after the router');
  });
});

describe('listener', () => {
  const tcp = (fields: string) => `
- filters:
  - {name: rbac, typed_config: {"@type": ${URL}.network.rbac.v3.RBAC, stat_prefix: t, rules: {}}}
  - {name: stats, typed_config: {"@type": type.googleapis.com/stats.PluginConfig}}
  - {name: tcp, typed_config: {"@type": ${URL}.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, ${fields}}}`;

  it('compiles a TCP chain with what stands before the proxy', () => {
    const compiled = listener(
      tcp('weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, weight: 3}]}, idle_timeout: 5s'),
      `listener_filters:
- {name: o, typed_config: {"@type": ${URL}.listener.original_dst.v3.OriginalDst}}
- {name: t, typed_config: {"@type": ${URL}.listener.tls_inspector.v3.TlsInspector}}
bind_to_port: false
listener_filters_timeout: 0s`,
    );
    if ('errors' in compiled) throw new Error(compiled.errors.join('\n'));
    const { config } = compiled;
    expect(config).toMatchObject({
      name: 'l',
      addresses: [{ host: '0.0.0.0', port: 15_006 }],
      originalDst: true,
      tlsInspector: true,
      httpInspector: false,
      bindToPort: false,
      inspectTimeoutMs: 0,
    });
    const chain = config.filterChains[0];
    expect(chain?.networkFilters).toHaveLength(1);
    expect(chain?.terminal).toMatchObject({
      kind: 'tcp',
      config: {
        clusters: [
          { name: 'a', weight: 1 },
          { name: 'b', weight: 3 },
        ],
        idleTimeoutMs: 5000,
        maxConnectAttempts: 1,
      },
    });
    expect(chain?.terminal.kind === 'tcp' && chain.terminal.config.onClose).toHaveLength(1);
  });

  it('names the secrets of its TLS', () => {
    const tls = `{name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext,
      require_client_certificate: true, common_tls_context: {tls_certificate_sds_secret_configs: [{name: default, sds_config: {ads: {}}}],
      validation_context_sds_secret_config: {name: ROOTCA, sds_config: {ads: {}}}}}}`;
    const compiled = listener(`${tcp('cluster: c')}\n  transport_socket: ${tls}`);
    if ('errors' in compiled) throw new Error(compiled.errors.join('\n'));
    expect(compiled.secretNames).toEqual(['ads:default', 'ads:ROOTCA']);
  });

  it.each([
    ['freebind: true', 'freebind: is not supported'],
    ['listener_filters: [{name: x}]', 'is not supported'],
  ])('refuses %s', (rest, message) => {
    const compiled = listener(tcp('cluster: c'), rest);
    expect('errors' in compiled && compiled.errors.join()).toContain(message);
  });

  it('refuses chains that match alike', () => {
    const compiled = listener(`${tcp('cluster: c')}${tcp('cluster: d')}`);
    expect('errors' in compiled && compiled.errors.join()).toContain('have the same match');
  });
});
