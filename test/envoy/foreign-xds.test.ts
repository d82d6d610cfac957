import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { get as httpsGet } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../cli/demo/free-ports.js';
import { getText } from '../../cli/mesh/http.js';
import { buildCertificate, buildRootCertificate } from '../../common/identity/certificate.js';
import { createKeyPairSync, privateKeyPem } from '../../common/identity/keys.js';
import { weft } from '../support/demo-process.js';
import { type Any, ForeignXdsServer, type XdsRequest } from './foreign-xds-server.js';

const PREFIX = 'type.googleapis.com/';
const CLUSTER = 'envoy.config.cluster.v3.Cluster';
const ENDPOINTS = 'envoy.config.endpoint.v3.ClusterLoadAssignment';
const LISTENER = 'envoy.config.listener.v3.Listener';
const ROUTES = 'envoy.config.route.v3.RouteConfiguration';
const SECRET = 'envoy.extensions.transport_sockets.tls.v3.Secret';

const ads = { ads: {}, resource_api_version: 'V3' };
const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

describe('our proxy, driven by somebody else’s state-of-the-world control plane', () => {
  const xds = new ForeignXdsServer();
  const application = createServer((_request, response) => response.end('from the application'));
  const folder = mkdtempSync(join(tmpdir(), 'weft-foreign-'));
  const certificate = serverCertificate();
  let proxy: ChildProcess;
  let [plain, secure, admin]: number[] = [];

  beforeAll(async () => {
    [plain, secure, admin] = await freePorts(3);
    await new Promise<void>((done) => application.listen(0, '127.0.0.1', done));
    publishAll();
    const file = join(folder, 'bootstrap.json');
    writeFileSync(file, JSON.stringify(bootstrap(await xds.start(), admin ?? 0)));
    proxy = spawn(process.execPath, [weft, 'proxy', '-c', file], { stdio: 'inherit' });
  });

  afterAll(() => {
    proxy.kill('SIGKILL');
    xds.stop();
    application.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function publishAll(): void {
    const { port } = application.address() as AddressInfo;
    xds.publish(PREFIX + CLUSTER, 'c1', [cluster('app')]);
    xds.publish(PREFIX + ENDPOINTS, 'e1', [
      xds.any(ENDPOINTS, {
        cluster_name: 'app',
        endpoints: [{ locality: {}, lb_endpoints: [{ endpoint: { address: address(port) } }] }],
      }),
    ]);
    xds.publish(PREFIX + LISTENER, 'l1', listeners());
    xds.publish(PREFIX + ROUTES, 'r1', [routes({ route: { cluster: 'app' } })]);
    xds.publish(PREFIX + SECRET, 's1', [
      xds.any(SECRET, {
        name: 'server-cert',
        tls_certificate: {
          certificate_chain: { inline_string: certificate.pem },
          private_key: { inline_string: certificate.key },
        },
      }),
    ]);
  }

  const cluster = (name: string): Any =>
    xds.any(CLUSTER, {
      name,
      type: 'EDS',
      connect_timeout: { seconds: 1 },
      eds_cluster_config: { eds_config: ads },
    });

  const routes = (action: object): Any =>
    xds.any(ROUTES, {
      name: 'routes',
      virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, ...action }] }],
    });

  function listeners(): Any[] {
    const manager = {
      name: 'envoy.filters.network.http_connection_manager',
      typed_config: wrap('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
        stat_prefix: 'in',
        rds: { config_source: ads, route_config_name: 'routes' },
        http_filters: [
          {
            name: 'envoy.filters.http.router',
            typed_config: wrap('envoy.extensions.filters.http.router.v3.Router', {}),
          },
        ],
      }),
    };
    const tls = {
      name: 'envoy.transport_sockets.tls',
      typed_config: wrap('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
        common_tls_context: {
          tls_certificate_sds_secret_configs: [{ name: 'server-cert', sds_config: ads }],
        },
      }),
    };
    return [
      xds.any(LISTENER, { name: 'plain', address: address(plain ?? 0), filter_chains: [{ filters: [manager] }] }),
      xds.any(LISTENER, {
        name: 'secure',
        address: address(secure ?? 0),
        filter_chains: [{ filters: [manager], transport_socket: tls }],
      }),
    ];
  }

  /** An Any within a message: its own JSON form has the bytes in base64 where `fromObject` reads them. */
  function wrap(name: string, message: object): object {
    const { type_url, value } = xds.any(name, message);
    return { type_url, value: Buffer.from(value) };
  }

  async function until<T>(what: string, attempt: () => Promise<T> | T): Promise<T> {
    const deadline = Date.now() + 15_000;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`${what}: ${String(error)}`);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    }
  }

  const answers = (): Promise<string> => getText(`http://127.0.0.1:${plain}/`);

  const lastOf = (typeUrl: string): XdsRequest | undefined =>
    xds.requests.filter(({ type_url }) => type_url === typeUrl).at(-1);

  it('gets listeners, routes, clusters, endpoints and secrets, and serves', async () => {
    expect(await until('an answer', answers)).toBe('from the application');
    expect(await until('an answer over TLS', () => secureGet(secure ?? 0, certificate.root))).toBe(
      'from the application',
    );
    expect(xds.requests[0]?.node).toMatchObject({ id: 'foreign-1' });
    for (const [type, version] of [
      [CLUSTER, 'c1'],
      [ENDPOINTS, 'e1'],
      [LISTENER, 'l1'],
      [ROUTES, 'r1'],
      [SECRET, 's1'],
    ]) {
      const last = await until(`the acknowledgement of ${type}`, () => {
        const request = lastOf(`${PREFIX}${type}`);
        if (request?.version_info !== version) throw new Error(JSON.stringify(request));
        return request;
      });
      expect([type, last?.error_detail]).toEqual([type, undefined]);
    }
    expect(lastOf(PREFIX + ENDPOINTS)?.resource_names).toEqual(['app']);
    expect(lastOf(PREFIX + SECRET)?.resource_names).toEqual(['server-cert']);
  });

  const good = (name: string): Any => cluster(name);
  it.each<[string, string, string, () => Any[], string | RegExp]>([
    [
      'a listener whose bytes are cut off',
      LISTENER,
      'l1',
      () => listeners().map(({ type_url, value }) => ({ type_url, value: value.subarray(0, value.length - 7) })),
      /./,
    ],
    [
      'a listener that is noise',
      LISTENER,
      'l1',
      () => [{ type_url: PREFIX + LISTENER, value: Buffer.from('ffffffffffffffff', 'hex') }],
      /./,
    ],
    ['a resource of another type', CLUSTER, 'c1', () => [{ ...good('app'), type_url: PREFIX + LISTENER }], /Listener/],
    [
      'a type that nobody knows',
      CLUSTER,
      'c1',
      () => [{ type_url: `${PREFIX}example.Unknown`, value: Buffer.from('x') }],
      /example\.Unknown/,
    ],
    [
      'a route with a cluster and nothing to match',
      ROUTES,
      'r1',
      () => [
        xds.any(ROUTES, {
          name: 'routes',
          virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ route: { cluster: 'app' } }] }],
        }),
      ],
      /match/,
    ],
    [
      'a secret whose key does not belong to the certificate',
      SECRET,
      's1',
      () => [
        xds.any(SECRET, {
          name: 'server-cert',
          tls_certificate: {
            certificate_chain: { inline_string: certificate.pem },
            private_key: { inline_string: serverCertificate().key },
          },
        }),
      ],
      /server-cert/,
    ],
  ])('refuses %s, says why, and goes on with the last good one', async (what, type, version, bad, reason) => {
    const typeUrl = PREFIX + type;
    xds.publish(typeUrl, `bad ${what}`, bad());
    const nack = await until('the refusal', () => {
      const last = lastOf(typeUrl);
      if (last?.error_detail === undefined) throw new Error(JSON.stringify(last));
      return last;
    });
    expect(nack.error_detail?.message).toMatch(reason);
    expect(nack.version_info).toBe(version);
    expect(await answers()).toBe('from the application');
    expect(await secureGet(secure ?? 0, certificate.root)).toBe('from the application');
    // What is good again is taken.
    publishAll();
    await until('the acknowledgement', () => expect(lastOf(typeUrl)).toMatchObject({ version_info: version }));
    await until('no refusal', () => expect(lastOf(typeUrl)?.error_detail).toBeUndefined());
  });

  it('connects again after a response that is no message, and takes the next change', async () => {
    const { streams } = xds;
    xds.sendRaw(Buffer.from('ff00ff00', 'hex'));
    await until('another stream', () => expect(xds.streams).toBeGreaterThan(streams));
    expect(await answers()).toBe('from the application');
    xds.publish(PREFIX + ROUTES, 'r2', [
      routes({ direct_response: { status: 200, body: { inline_string: 'direct' } } }),
    ]);
    await until('the change', async () => expect(await answers()).toBe('direct'));
  });
});

function bootstrap(port: number, adminPort: number): object {
  return {
    node: { id: 'foreign-1', cluster: 'foreign' },
    admin: { address: address(adminPort) },
    dynamic_resources: {
      ads_config: {
        api_type: 'GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'control' } }],
      },
      lds_config: ads,
      cds_config: ads,
    },
    static_resources: {
      clusters: [
        {
          name: 'control',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': `${PREFIX}envoy.extensions.upstreams.http.v3.HttpProtocolOptions`,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'control',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
          },
        },
      ],
    },
  };
}

/** A chain of a certificate and its root, and the key. */
function serverCertificate(): { readonly pem: string; readonly root: string; readonly key: string } {
  const [authority, keys] = [createKeyPairSync(), createKeyPairSync()];
  const life = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
  const root = buildRootCertificate({ ...authority, organization: 'foreign', ...life });
  const signer = { privateKey: authority.privateKey, certificate: new X509Certificate(root) };
  const pem = buildCertificate({ publicKey: keys.publicKey, names: { dnsNames: ['app.example'] }, ...life, signer });
  return { pem, root, key: privateKeyPem(keys.privateKey) };
}

function secureGet(port: number, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = httpsGet({ host: '127.0.0.1', port, ca, agent: false, servername: 'app.example' }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () => resolve(body));
    });
    call.on('error', reject);
  });
}
