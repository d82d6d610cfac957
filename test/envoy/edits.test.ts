import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProxySync } from '../../cli/commands/proxy-status.js';
import { getJson } from '../../cli/mesh/http.js';
import { locateControlPlane } from '../../cli/mesh/locate.js';
import { findEnvoy } from '../support/envoy.js';
import { type Answer, EnvoyBookinfo, get } from './bookinfo.js';

const envoy = findEnvoy();

interface Edit {
  readonly what: string;
  readonly yaml: string;
  /** What Envoy then answers to reviews-v2 calling ratings, where that shows. */
  readonly answers?: Partial<Answer>;
  /** Codes of the errors that it is to be reported with. */
  readonly findings?: readonly string[];
}

const object = (kind: string, version: string, spec: string, name = 'edit', namespace = 'default'): string =>
  `apiVersion: ${version}\nkind: ${kind}\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec:\n${spec.replace(/^/gm, '  ')}\n`;

const SUBSETS = object(
  'DestinationRule',
  'networking.istio.io/v1',
  'host: ratings\nsubsets:\n  - { name: v1, labels: { version: v1 } }\n  - { name: v2, labels: { app: ratings } }',
  'ratings',
);

/** A VirtualService of ratings; `http` is its list of routes. */
const virtualService = (http: string): string =>
  `${object('VirtualService', 'networking.istio.io/v1', `hosts: [ratings]\nhttp:\n${http}`)}---\n${SUBSETS}`;
const toV1 = 'route: [{ destination: { host: ratings, subset: v1 } }]';
const destinationRule = (policy: string): string =>
  object('DestinationRule', 'networking.istio.io/v1', `host: ratings\ntrafficPolicy:\n${policy.replace(/^/gm, '  ')}`);
const authorization = (spec: string): string =>
  object('AuthorizationPolicy', 'security.istio.io/v1', `selector: { matchLabels: { app: reviews } }\n${spec}`);

const EDITS: readonly Edit[] = [
  {
    what: 'weights',
    yaml: virtualService(
      '- route:\n    - { destination: { host: ratings, subset: v1 }, weight: 90 }\n    - { destination: { host: ratings, subset: v2 }, weight: 10 }',
    ),
  },
  {
    what: 'matches of every sort',
    yaml: virtualService(
      `- match:
    - uri: { prefix: /a }
      method: { exact: GET }
      headers: { x-exact: { exact: a }, x-prefix: { prefix: b }, x-regex: { regex: "c+|d" } }
      withoutHeaders: { x-not: { exact: z }, x-absent: {} }
      queryParams: { q: { exact: "1" }, r: { regex: "\\\\d+" } }
      authority: { prefix: rat }
      sourceLabels: { app: reviews }
      port: 9080
    - uri: { regex: "/re/[0-9]+" }
      ignoreUriCase: false
    - uri: { exact: /Exact }
      ignoreUriCase: true
  ${toV1}
- ${toV1}`,
    ),
  },
  { what: 'a timeout', yaml: virtualService(`- timeout: 2s\n  ${toV1}`), answers: { status: 200 } },
  {
    what: 'retries',
    yaml: virtualService(
      `- retries: { attempts: 5, perTryTimeout: 1s, retryOn: "5xx,gateway-error,reset,connect-failure,refused-stream,retriable-4xx,retriable-status-codes,503,cancelled,unavailable", backoff: 10ms }\n  ${toV1}`,
    ),
    answers: { status: 200 },
  },
  {
    what: 'a delay',
    yaml: virtualService(`- fault: { delay: { fixedDelay: 0.05s, percentage: { value: 12.5 } } }\n  ${toV1}`),
  },
  {
    what: 'an abort',
    yaml: virtualService(`- fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }\n  ${toV1}`),
    answers: { status: 418, body: 'fault filter abort' },
  },
  {
    what: 'a gRPC abort',
    yaml: virtualService(`- fault: { abort: { grpcStatus: UNAVAILABLE, percentage: { value: 0.5 } } }\n  ${toV1}`),
  },
  {
    what: 'a redirect',
    yaml: virtualService(
      '- redirect: { uri: /elsewhere, authority: example.org, redirectCode: 308, scheme: https, port: 8443 }',
    ),
    answers: { status: 308 },
  },
  {
    what: 'rewrites',
    yaml: virtualService(
      `- match: [{ uri: { prefix: /old } }]\n  rewrite: { uri: /ratings, authority: ratings.default }\n  ${toV1}\n- match: [{ uri: { prefix: /re } }]\n  rewrite: { uriRegexRewrite: { match: "^/re/(\\\\d+)", rewrite: "/ratings/\\\\1" } }\n  ${toV1}\n- ${toV1}`,
    ),
  },
  {
    what: 'header operations',
    yaml: virtualService(
      `- headers:
    request: { set: { x-set: "100%", host: ratings.default }, add: { x-added: "a, b" }, remove: [x-gone] }
    response: { set: { x-answer: "yes" }, add: { x-more: "%PROTOCOL% %REQ(X-A?:PATH):9%", x-odd: "%NOT_KNOWN%" }, remove: [server] }
  route:
    - destination: { host: ratings, subset: v1 }
      headers: { request: { add: { x-destination: v1 } } }`,
    ),
    answers: { status: 200 },
  },
  {
    what: 'a mirror',
    yaml: virtualService(
      `- mirror: { host: ratings, subset: v2 }\n  mirrorPercentage: { value: 33.3 }\n  ${toV1}\n- mirrors: [{ destination: { host: ratings, subset: v1 }, percentage: { value: 10 } }]\n  ${toV1}`,
    ),
  },
  {
    what: 'a direct response',
    yaml: virtualService('- directResponse: { status: 503, body: { string: "closed\\n" } }'),
    answers: { status: 503, body: 'closed\n' },
  },
  {
    what: 'CORS',
    yaml: virtualService(
      `- corsPolicy: { allowOrigins: [{ exact: https://example.org }, { regex: "https://.*" }], allowMethods: [GET, POST], allowHeaders: [x-a], exposeHeaders: [x-b], maxAge: 24h, allowCredentials: true }\n  ${toV1}`,
    ),
  },
  {
    what: 'a service without endpoints',
    yaml: virtualService('- route: [{ destination: { host: ratings, subset: v2 } }]').replace(
      'labels: { app: ratings }',
      'labels: { version: v2 }',
    ),
    answers: { status: 503 },
    findings: ['IST0173'],
  },
  {
    what: 'a destination that is not there',
    yaml: virtualService('- route: [{ destination: { host: nowhere } }]'),
    answers: { status: 503 },
    findings: ['IST0101'],
  },
  ...['LEAST_REQUEST', 'ROUND_ROBIN', 'RANDOM', 'PASSTHROUGH'].map((simple) => ({
    what: `load balancer ${simple}`,
    yaml: destinationRule(`loadBalancer: { simple: ${simple}, warmup: { duration: 10s } }`),
  })),
  ...[
    'httpHeaderName: x-user, minimumRingSize: 2048',
    'httpCookie: { name: user, path: /, ttl: 60s }',
    'useSourceIp: true, maglev: { tableSize: 65537 }',
    'httpQueryParameterName: user, ringHash: { minimumRingSize: 512 }',
  ].map((hash) => ({
    what: `hash by ${hash}`,
    yaml: destinationRule(`loadBalancer: { consistentHash: { ${hash} } }`),
  })),
  {
    what: 'connection pool',
    yaml: destinationRule(
      `connectionPool:
  tcp: { maxConnections: 7, connectTimeout: 0.3s, idleTimeout: 1h, maxConnectionDuration: 1h, tcpKeepalive: { time: 60s, interval: 10s, probes: 3 } }
  http: { http1MaxPendingRequests: 3, http2MaxRequests: 5, maxRequestsPerConnection: 2, maxRetries: 1, idleTimeout: 30s, h2UpgradePolicy: UPGRADE, useClientProtocol: false }`,
    ),
    answers: { status: 200 },
  },
  {
    what: 'outlier detection',
    yaml: destinationRule(
      'outlierDetection: { consecutive5xxErrors: 3, consecutiveGatewayErrors: 2, splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 4, interval: 1s, baseEjectionTime: 5s, maxEjectionPercent: 100, minHealthPercent: 20 }',
    ),
  },
  ...[
    'mode: DISABLE',
    'mode: SIMPLE, sni: ratings.example, subjectAltNames: [ratings.example]',
    'mode: ISTIO_MUTUAL',
  ].map((tls) => ({
    what: `TLS ${tls}`,
    yaml: destinationRule(`tls: { ${tls} }`),
    // The mesh is STRICT.
    findings: tls === 'mode: DISABLE' ? ['WEFT0204'] : [],
  })),
  {
    what: 'port level settings',
    yaml: destinationRule(
      'portLevelSettings:\n  - { port: { number: 9080 }, connectionPool: { http: { http1MaxPendingRequests: 9 } }, loadBalancer: { simple: RANDOM } }',
    ),
  },
  {
    what: 'hosts outside, by DNS, by address and for TCP',
    yaml: [
      object(
        'ServiceEntry',
        'networking.istio.io/v1beta1',
        'hosts: [api.example.com]\nresolution: DNS\nports: [{ number: 80, name: http, protocol: HTTP }, { number: 443, name: tls, protocol: TLS }]\nendpoints: [{ address: localhost, ports: { http: 9 } }]',
        'by-dns',
      ),
      object(
        'ServiceEntry',
        'networking.istio.io/v1alpha3',
        'hosts: ["*.example.net"]\nresolution: NONE\nports: [{ number: 8080, name: http, protocol: HTTP }]',
        'any',
      ),
      object(
        'ServiceEntry',
        'networking.istio.io/v1',
        'hosts: [db.example.org]\nresolution: STATIC\nports: [{ number: 5432, name: tcp, protocol: TCP }]\nendpoints: [{ address: 127.0.0.1, ports: { tcp: 9 }, weight: 3, locality: a/b/c }]',
        'tcp',
      ),
    ].join('---\n'),
  },
  ...['PERMISSIVE', 'DISABLE'].map((mode) => ({
    what: `PeerAuthentication ${mode}`,
    yaml: object(
      'PeerAuthentication',
      'security.istio.io/v1',
      `selector: { matchLabels: { app: reviews } }\nmtls: { mode: ${mode} }`,
    ),
  })),
  {
    what: 'ALLOW with everything',
    yaml: authorization(`action: ALLOW
rules:
  - from: [{ source: { principals: ["cluster.local/ns/default/sa/bookinfo-productpage", "*/sa/x", "cluster.local/*", "*"], notPrincipals: [a], namespaces: [default, "pre*"], notNamespaces: [other], ipBlocks: [127.0.0.0/8], notIpBlocks: [10.1.2.3] } }]
    to: [{ operation: { methods: [GET], notMethods: [POST], paths: [/a, /b*, "*/c", "/d/{*}/e/{**}"], notPaths: [/z], hosts: [reviews, "*.local"], notHosts: [bad], ports: ["9080"], notPorts: ["1"] } }]
    when:
      - { key: "request.headers[x-user]", values: [a, "b*"], notValues: [c] }
      - { key: source.namespace, values: [default] }
      - { key: source.principal, values: ["*"] }
      - { key: source.ip, values: [127.0.0.1] }
      - { key: remote.ip, values: [127.0.0.1] }
      - { key: destination.port, values: ["9080"] }
      - { key: connection.sni, values: ["*.local"] }
  - {}`),
  },
  { what: 'a deny-all', yaml: authorization('{}').replace('\n  {}', '') },
  {
    what: 'DENY with a condition',
    yaml: authorization(
      'action: DENY\nrules: [{ when: [{ key: "request.headers[x-deny]", values: ["*"] }] }, { to: [{ operation: { paths: [/secret*] } }] }]',
    ),
  },
  {
    what: 'an AUDIT policy, which is not acted on',
    yaml: `${authorization('action: AUDIT\nrules: [{}]')}---\n${virtualService(`- timeout: 3s\n  ${toV1}`)}`,
  },
  {
    what: 'Telemetry',
    yaml: object(
      'Telemetry',
      'telemetry.istio.io/v1',
      'accessLogging: [{ providers: [{ name: envoy }], filter: { expression: "response.code >= 400" } }]',
      'edit',
      'istio-system',
    ),
  },
  {
    what: 'MeshConfig',
    yaml: `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    accessLogFile: /dev/stdout
    accessLogEncoding: JSON
    accessLogFormat: '{"code":"%RESPONSE_CODE%","peer":"%DOWNSTREAM_PEER_URI_SAN%","odd":"%NOT_KNOWN%"}'
    outboundTrafficPolicy: { mode: REGISTRY_ONLY }
    trustDomainAliases: [old.example]
    connectTimeout: 3s
`,
  },
  {
    what: 'TrafficSplit',
    yaml: `${object('TrafficSplit', 'split.smi-spec.io/v1alpha2', 'service: ratings\nbackends: [{ service: ratings, weight: 900m }, { service: details, weight: 100m }]')}`,
  },
];

describe.skipIf(envoy === undefined)('live edits and a real Envoy (skipped where there is none)', () => {
  const bookinfo = new EnvoyBookinfo();

  beforeAll(() => bookinfo.start(envoy ?? ''));
  afterAll(() => bookinfo.mesh.dispose());

  async function envoySync(): Promise<ProxySync> {
    const found = (await bookinfo.mesh.proxies()).find(({ dataPlane }) => dataPlane === 'envoy');
    if (found === undefined) throw new Error('Envoy is not connected');
    return found;
  }

  const versions = (sync: ProxySync): string =>
    JSON.stringify(Object.values(sync.types as Record<string, { sent?: string }>).map(({ sent }) => sent));

  /** Resolves when Envoy has answered a configuration other than the one it had. */
  async function settledAfter(before: string): Promise<ProxySync> {
    return bookinfo.mesh.until('an answer of Envoy', async () => {
      const sync = await envoySync();
      const states = Object.values(sync.types).map(({ status }) => status);
      if (versions(sync) === before || states.some((state) => state !== 'SYNCED' && state !== 'NACKED')) {
        throw new Error(states.join());
      }
      return sync;
    });
  }

  const nacks = (sync: ProxySync): string[] =>
    Object.entries(sync.types).flatMap(([type, { lastNack }]) =>
      lastNack === undefined ? [] : [`${type}: ${lastNack.reason}`],
    );

  it.each(EDITS)('takes $what', async ({ yaml, answers, findings: expected = [] }) => {
    const before = versions(await envoySync());
    bookinfo.mesh.write('edit.yaml', yaml);
    const sync = await settledAfter(before);
    const { debugUrl } = locateControlPlane(bookinfo.mesh.state);
    const findings = await getJson<{ level: string; file?: string; code: string }[]>(`${debugUrl}/debug/findings`);
    expect(nacks(sync)).toEqual([]);
    const errors = findings.filter(({ level, file }) => level === 'error' && file === 'edit.yaml');
    expect(errors.map(({ code }) => code)).toEqual(expected);
    if (answers !== undefined) {
      expect(await get(bookinfo.reviews, 'http://ratings:9080/ratings/0')).toMatchObject(answers);
    }
    const during = versions(sync);
    rmSync(join(bookinfo.mesh.config, 'edit.yaml'));
    expect(nacks(await settledAfter(during))).toEqual([]);
  });

  it('serves as before when all is withdrawn', async () => {
    const { status, body } = await get(bookinfo.productpage, 'http://reviews:9080/reviews/0');
    expect([status, body.includes('"stars":5')]).toEqual([200, true]);
  });
});
