import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCertificate, buildRootCertificate } from '../../../common/identity/certificate.js';
import { createKeyPairSync, privateKeyPem } from '../../../common/identity/keys.js';
import { isLogFormat } from '../../../control-plane/translate/substitution.js';
import { UNCARRIED } from '../../../proxy/telemetry/format-uncarried.js';
import { accessLog, Differential, type Observation } from '../../support/differential.js';
import { ask, get, request } from '../../support/differential-cases.js';
import { cluster, httpListener } from '../../support/differential-config.js';
import { LOG_OPERATORS, REQUEST_ID, shapeOf } from '../../support/log-operators.js';
import { type Answer, answer } from '../../support/scripted-upstream.js';

const TYPE = 'type.googleapis.com/envoy.extensions';
const inline = (text: string): object => ({ inline_string: text });
const WITH_TRAILERS: Answer = {
  steps: [
    'HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\ncontent-type: text/plain\r\nx-up: yes\r\n\r\n',
    '5\r\nhello\r\n0\r\nx-tail: the end\r\n\r\n',
  ],
};
const METADATA = {
  filter_metadata: { 'com.test': { key: 'foo', number: 3, object: { inner: 'bar' }, list: [1, 'b'] } },
};

const TRAILERS = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http_protocol_options: { enable_trailers: true } },
    },
  },
};

/** One certificate for both sides of every connection. */
function identity(): { readonly certificate: object; readonly roots: object } {
  const keys = createKeyPairSync();
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
  const pem = buildRootCertificate({ ...keys, organization: 'operators', ...validity });
  const signer = { privateKey: keys.privateKey, certificate: new X509Certificate(pem) };
  const { publicKey, privateKey } = createKeyPairSync();
  const names = { spiffeId: 'spiffe://mesh.test/ns/a/sa/b', dnsNames: ['secure.test', 'other.test'] };
  const leaf = buildCertificate({ publicKey, names, ...validity, signer });
  return {
    certificate: { certificate_chain: inline(leaf), private_key: inline(privateKeyPem(privateKey)) },
    roots: { trusted_ca: inline(pem) },
  };
}

function transport(side: 'Downstream' | 'Upstream', more: object): object {
  const { certificate, roots } = TLS;
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${TYPE}.transport_sockets.tls.v3.${side}TlsContext`,
      common_tls_context: {
        tls_certificates: [certificate],
        validation_context: roots,
        tls_params: {
          tls_maximum_protocol_version: 'TLSv1_2',
          cipher_suites: ['ECDHE-ECDSA-AES128-GCM-SHA256'],
        },
      },
      ...more,
    },
  };
}

const TLS = identity();

function resources(port: (name: string) => number): object {
  const access_log = accessLog(LOG_OPERATORS, [
    {
      name: 'envoy.formatter.req_without_query',
      typed_config: { '@type': `${TYPE}.formatter.req_without_query.v3.ReqWithoutQuery` },
    },
  ]);
  const manager = (to: string, more: object = {}): object => ({
    access_log,
    http_protocol_options: { enable_trailers: true },
    generate_request_id: true,
    route_config: {
      name: 'routes',
      virtual_hosts: [
        {
          name: 'any',
          domains: ['*'],
          metadata: METADATA,
          routes: [
            { name: 'local', match: { path: '/local' }, direct_response: { status: 418, body: inline('no') } },
            { name: 'gone', match: { path: '/gone' }, route: { cluster: 'gone' } },
            {
              name: 'rewritten',
              match: { prefix: '/old/' },
              route: { cluster: to, prefix_rewrite: '/new/' },
            },
            { name: 'all', match: { prefix: '/' }, route: { cluster: to }, metadata: METADATA },
          ],
        },
      ],
    },
    ...more,
  });
  const [secure] = [httpListener('secure', port('secure'), manager('a')) as { filter_chains: object[] }];
  const tcp = {
    '@type': `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`,
    stat_prefix: 'tcp',
    cluster: 'a',
    access_log,
  };
  return {
    listeners: [
      httpListener('main', port('main'), manager('a')),
      httpListener('outer', port('outer'), manager('loop')),
      {
        ...secure,
        listener_filters: [
          {
            name: 'envoy.filters.listener.tls_inspector',
            typed_config: { '@type': `${TYPE}.filters.listener.tls_inspector.v3.TlsInspector` },
          },
        ],
        filter_chains: secure.filter_chains.map((chain) => ({
          ...chain,
          name: 'the chain',
          transport_socket: transport('Downstream', { require_client_certificate: true }),
        })),
      },
      {
        name: 'tcp',
        address: { socket_address: { address: '127.0.0.1', port_value: port('tcp') } },
        filter_chains: [{ filters: [{ name: 'envoy.filters.network.tcp_proxy', typed_config: tcp }] }],
      },
    ],
    clusters: [
      {
        ...cluster('a', [], {
          metadata: METADATA,
          ...TRAILERS,
        }),
        load_assignment: {
          cluster_name: 'a',
          endpoints: [
            {
              lb_endpoints: [
                {
                  endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port('a') } } },
                  metadata: METADATA,
                },
              ],
            },
          ],
        },
      },
      cluster('gone', [[port('nothing')]]),
      cluster('loop', [[port('secure')]], {
        ...TRAILERS,
        transport_socket: transport('Upstream', { sni: 'secure.test' }),
      }),
    ],
  };
}

function shaped({ log }: Observation): Readonly<Record<string, string>>[] {
  return log
    .map((line) =>
      Object.fromEntries(
        Object.entries(line)
          .filter(([key]) => !UNCARRIED.has(key.replace(/\(.*/s, '')))
          .map(([key, value]) => [key, shapeOf(key, value)]),
      ),
    )
    .sort((x, y) => String(x['UPSTREAM_CLUSTER']).localeCompare(String(y['UPSTREAM_CLUSTER'])));
}

it('are what the control plane lets a log have', () => {
  const refused = Object.values(LOG_OPERATORS).filter((format) => !isLogFormat(format));
  expect(refused).toEqual([expect.stringMatching(/^%COALESCE/)]);
});

describe.skipIf(!Differential.available)(`operators of log formats as Envoy's ${Differential.note}`, () => {
  let both: Differential;

  beforeAll(async () => {
    both = await Differential.start({
      listeners: ['main', 'outer', 'secure', 'tcp'],
      upstreams: ['a'],
      closed: ['nothing'],
      resources,
    });
  }, 60_000);
  afterAll(() => both?.stop());

  const headers = { 'user-agent': 'probe/1', 'x-request-id': REQUEST_ID };
  const cases = [
    ['trailers and a query', get('/p/a?one=1&two=a%20b&one=2', headers, { answers: [WITH_TRAILERS] })],
    ['a body', ask('POST', '/b', headers, 'body', { answers: [answer(200, 'answer')] })],
    ['a rewritten path', get('/old/x?q=1', headers)],
    ['an answer of the proxy itself', get('/local', headers)],
    ['a host that is not there', get('/gone', headers)],
    ['both sides of mutual TLS', get('/p?x', headers, { listener: 'outer', logLines: 2, answers: [WITH_TRAILERS] })],
    [
      'a TCP connection',
      {
        listener: 'tcp',
        send: [request('GET', '/t', { connection: 'close' }), { answers: 1 }, 'end'],
        answers: [{ steps: ['HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok', 'end'] }],
        logLines: 1,
      },
    ],
  ] as const;
  it.each(cases)('%s', async (_name, exchange) => {
    const { envoy, weft } = await both.run(exchange);
    expect(envoy.log).toHaveLength('logLines' in exchange ? (exchange.logLines ?? 1) : 1);
    expect(shaped(weft)).toEqual(shaped(envoy));
  });
});
