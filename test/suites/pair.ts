import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../common/runtime/log.js';
import { type ProxyApp, startProxy } from '../../proxy/app.js';
import { parseBootstrap } from '../../proxy/bootstrap/read.js';
import { createIdentities, type Identity } from '../bench/identities.js';

type Json = Readonly<Record<string, unknown>>;

const FILTERS = 'type.googleapis.com/envoy.extensions.filters';
const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** What the listener takes; `AUTO` goes by the first bytes. */
export type Codec = 'AUTO' | 'HTTP2';

/** What the application at the end speaks. */
export type AppProtocol = 'http1' | 'http2';

export interface Sidecars {
  /** Where clients connect, in plaintext. */
  readonly port: number;
  stop(): Promise<void>;
}

/** One sidecar before an application, plaintext on both sides. */
export async function oneSidecar(appPort: number, protocol: AppProtocol, codec: Codec = 'AUTO'): Promise<Sidecars> {
  const app = await start(bootstrap(appPort, { [protocol]: true, codec }));
  return { port: portOf(app), stop: () => app.stop() };
}

/** A client's sidecar and a server's, with mTLS between them: certificates of a mesh's CA, each peer's identity checked. */
export async function twoSidecars(appPort: number, protocol: AppProtocol): Promise<Sidecars> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-suites-'));
  const { client, server } = await createIdentities(folder);
  const downstream = {
    transport_socket: socket('DownstreamTlsContext', {
      ...commonTls(server, client.uri),
      require_client_certificate: true,
    }),
  };
  const inner = await start(bootstrap(appPort, { [protocol]: true }, downstream));
  const upstream = { transport_socket: socket('UpstreamTlsContext', { sni: 'app', ...commonTls(client, server.uri) }) };
  const outer = await start(bootstrap(portOf(inner), { auto: true }, {}, upstream));
  return {
    port: portOf(outer),
    stop: async () => {
      await outer.stop();
      await inner.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function start(config: Json): Promise<ProxyApp> {
  const loaded = parseBootstrap(JSON.stringify(config));
  if ('errors' in loaded) throw new Error(loaded.errors.join('\n'));
  return startProxy(loaded.config, { log: createLogger('suites', 'silent') });
}

function portOf(app: ProxyApp): number {
  return app.addresses().get('in')?.[0]?.port ?? 0;
}

interface Wire {
  readonly http1?: boolean;
  readonly http2?: boolean;
  readonly auto?: boolean;
  readonly codec?: Codec;
}

function bootstrap(upstreamPort: number, wire: Wire, chain: Json = {}, clusterMore: Json = {}): Json {
  const both = { http_protocol_options: {}, http2_protocol_options: {} };
  const options = wire.auto
    ? { auto_config: both }
    : { explicit_http_config: wire.http2 ? { http2_protocol_options: {} } : { http_protocol_options: {} } };
  return {
    node: { id: 'suites', cluster: 'suites' },
    admin: { address: address(0) },
    static_resources: {
      listeners: [
        {
          name: 'in',
          address: address(0),
          filter_chains: [{ filters: [connectionManager(wire.codec ?? 'AUTO')], ...chain }],
        },
      ],
      clusters: [
        {
          name: 'app',
          type: 'STATIC',
          load_assignment: {
            cluster_name: 'app',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstreamPort) } }] }],
          },
          typed_extension_protocol_options: { [OPTIONS]: { '@type': `type.googleapis.com/${OPTIONS}`, ...options } },
          ...clusterMore,
        },
      ],
    },
  };
}

function address(port: number): Json {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function connectionManager(codec: Codec): Json {
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } }];
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${FILTERS}.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: 'suites',
      codec_type: codec,
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      http2_protocol_options: { allow_connect: true },
      route_config: { virtual_hosts: [{ name: 'app', domains: ['*'], routes }] },
      http_filters: [
        { name: 'envoy.filters.http.router', typed_config: { '@type': `${FILTERS}.http.router.v3.Router` } },
      ],
    },
  };
}

function socket(type: 'UpstreamTlsContext' | 'DownstreamTlsContext', context: Json): Json {
  return { name: 'envoy.transport_sockets.tls', typed_config: { '@type': `${TLS}.${type}`, ...context } };
}

function commonTls(own: Identity, peerUri: string): Json {
  return {
    common_tls_context: {
      tls_certificates: [
        {
          certificate_chain: { inline_string: own.certificate },
          private_key: { inline_string: own.privateKey },
        },
      ],
      validation_context: {
        trusted_ca: { inline_string: own.root },
        match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peerUri } }],
      },
      alpn_protocols: ['h2', 'http/1.1'],
    },
  };
}
