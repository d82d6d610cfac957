import { describe, expect, it } from 'vitest';
import { readDocuments } from './documents.js';
import { formatFinding } from './finding.js';
import { meshConfigOf } from './kinds/index.js';
import { type ConfigObject, objectKey } from './object.js';
import { parseObject } from './parse-object.js';
import { validate } from './testing/validate.js';

interface Outcome {
  readonly object: ConfigObject | undefined;
  readonly lines: string[];
}

function read(text: string): Outcome {
  const { objects, findings } = readDocuments(text, 'a.yaml');
  const [first] = objects;
  if (first === undefined) return { object: undefined, lines: findings.map(formatFinding) };
  const parsed = parseObject(first.value, first.origin);
  return { object: parsed.object, lines: [...findings, ...parsed.findings].map(formatFinding) };
}

const route = (fields: string): string =>
  `{ hosts: [a], http: [{ route: [{ destination: { host: a } }], ${fields} }] }`;
const match = (fields: string): string => route(`match: [{ ${fields} }]`);
const policy = (fields: string): string => `{ trafficPolicy: { ${fields} }, host: a }`;
const rule = (fields: string): string => `{ rules: [{ ${fields} }] }`;

describe('positions', () => {
  it('names file, line, field, what is expected and what is there', () => {
    const text = `# a comment
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
    - route:
        - destination:
            host: reviews
          weight: 50
        - destination: { host: reviews }
          weight: fifty
`;
    expect(read(text)).toEqual({
      object: undefined,
      lines: ['a.yaml:14 spec.http[0].route[1].weight: must be a whole number from 0 to 2147483647, got "fifty"'],
    });
  });

  it('gives the line of the nearest parent for a field that is missing, and of an item in a list of objects', () => {
    const text = `apiVersion: v1
kind: List
items:
  - apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: { name: a }
    spec:
      subsets: []
`;
    expect(read(text).lines).toEqual(['a.yaml:7 spec.host: is required']);
  });

  it('counts on into the text of MeshConfig', () => {
    const text = `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |-
    accessLogFile: /dev/stdout
    accesLogEncoding: JSON
    defaultConfig:
      drainDuration: soon
`;
    expect(read(text).lines).toEqual([
      'a.yaml:7 data.mesh.accesLogEncoding: unknown field: it has no effect; did you mean "accessLogEncoding"?',
      'a.yaml:9 data.mesh.defaultConfig.drainDuration: must be a duration such as "1.5s" or "100ms", got "soon"',
    ]);
  });

  it('reads MeshConfig of the root namespace only', () => {
    const config = (namespace: string): ConfigObject => {
      const { object } = read(`apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: ${namespace} }
data: { mesh: "trustDomain: example.org" }
`);
      return object!;
    };
    const objects = new Map([[objectKey('ConfigMap', 'istio-system', 'istio'), config('istio-system')]]);
    expect(meshConfigOf(objects)).toEqual({ trustDomain: 'example.org' });
    expect(config('default').spec).toEqual({ data: { mesh: 'trustDomain: example.org' } });
  });
});

describe('what is refused', () => {
  it.each([
    ['VirtualService', '{ hosts: [a] }', 'spec: must have http, tls or tcp routes'],
    [
      'VirtualService',
      '{ hosts: ["a b"], http: [] }',
      'spec.hosts[0]: must be a host name, optionally with "*." before it, got "a b"',
    ],
    ['VirtualService', '{ hosts: a, http: [] }', 'spec.hosts: must be a list, got "a"'],
    [
      'VirtualService',
      route('timeout: 0.5ms'),
      'spec.http[0].timeout: must be a duration of at least 1ms such as "1.5s" or "100ms", got "0.5ms"',
    ],
    [
      'VirtualService',
      route('redirect: { uri: /x }'),
      'spec.http[0]: must have exactly one of route, redirect, directResponse or delegate, got route and redirect',
    ],
    [
      'VirtualService',
      '{ http: [{ name: a }] }',
      'spec.http[0]: must have exactly one of route, redirect, directResponse or delegate, got none',
    ],
    [
      'VirtualService',
      match('uri: { exact: a, prefix: b }'),
      'spec.http[0].match[0].uri: must have exactly one of exact, prefix or regex, got exact and prefix',
    ],
    [
      'VirtualService',
      match('uri: {}'),
      'spec.http[0].match[0].uri: must have exactly one of exact, prefix or regex, got none',
    ],
    [
      'VirtualService',
      match('uri: { regex: "(?=x)" }'),
      /spec\.http\[0\]\.match\[0\]\.uri\.regex: is no regular expression in RE2's syntax/,
    ],
    [
      'VirtualService',
      match('port: 70000'),
      'spec.http[0].match[0].port: must be a whole number from 1 to 65535, got 70000',
    ],
    [
      'VirtualService',
      match('headers: { "a b": {} }'),
      'spec.http[0].match[0].headers["a b"]: "a b" is no header name',
    ],
    [
      'VirtualService',
      route('headers: { request: { set: { a: "b\\r\\nc: d" } } }'),
      /headers\.request\.set\.a: must be a header value without line breaks/,
    ],
    [
      'VirtualService',
      route('fault: { abort: { httpStatus: 500, percentage: { value: 101 } } }'),
      /percentage\.value: must be a number from 0 to 100, got 101/,
    ],
    [
      'VirtualService',
      route('fault: { delay: {} }'),
      /fault\.delay: must have exactly one of fixedDelay or exponentialDelay, got none/,
    ],
    ['VirtualService', route('retries: { attempts: -1 }'), /retries\.attempts: must be a whole number from 0/],
    [
      'VirtualService',
      route('retries: { retryOn: "5xx,gatway-error" }'),
      /"gatway-error" is no retry condition and no status code; did you mean "gateway-error"/,
    ],
    [
      'VirtualService',
      '{ http: [{ redirect: { redirectCode: 200 } }] }',
      /redirectCode: must be 301, 302, 303, 307 or 308/,
    ],
    [
      'VirtualService',
      '{ http: [{ directResponse: { body: { string: x } } }] }',
      'spec.http[0].directResponse.status: is required',
    ],
    ['DestinationRule', '{}', 'spec.host: is required'],
    [
      'DestinationRule',
      policy('loadBalancer: { simple: BEST }'),
      /simple: must be UNSPECIFIED, LEAST_CONN, .* or LEAST_REQUEST, got "BEST"/,
    ],
    [
      'DestinationRule',
      policy('loadBalancer: { simple: RANDOM, consistentHash: { useSourceIp: true } }'),
      /may have only one of simple, consistentHash/,
    ],
    [
      'DestinationRule',
      policy('loadBalancer: { consistentHash: { maglev: { tableSize: 100 }, useSourceIp: true } }'),
      /must be a prime number/,
    ],
    [
      'DestinationRule',
      policy('connectionPool: { tcp: { maxConnections: "10" } }'),
      /maxConnections: must be a whole number .*, got "10"/,
    ],
    [
      'DestinationRule',
      policy('outlierDetection: { maxEjectionPercent: 200 }'),
      /maxEjectionPercent: must be a whole number from 0 to 100/,
    ],
    ['DestinationRule', policy('tls: { mode: MUTUAL }'), /clientCertificate: is required with mode MUTUAL/],
    [
      'DestinationRule',
      policy('tls: { mode: ISTIO_MUTUAL, caCertificates: x }'),
      /caCertificates: must not be set with mode ISTIO_MUTUAL/,
    ],
    ['DestinationRule', policy('portLevelSettings: [{}]'), /portLevelSettings\[0\]\.port: must have a number/],
    ['DestinationRule', '{ host: a, subsets: [{ name: x }, { name: x }] }', /subset "x" is there already/],
    ['ServiceEntry', '{ hosts: [] }', 'spec.hosts: must have at least one entry'],
    ['ServiceEntry', '{ hosts: ["*"] }', /must not be "\*" alone/],
    ['ServiceEntry', '{ hosts: [a.b], endpoints: [{ address: 1.1.1.1 }] }', /spec\.resolution: must not be NONE/],
    [
      'ServiceEntry',
      '{ hosts: [a.b], resolution: STATIC, endpoints: [{ address: 1.1.1.1 }], workloadSelector: {} }',
      /may have only one of endpoints, workloadSelector/,
    ],
    [
      'ServiceEntry',
      '{ hosts: [a.b], ports: [{ number: 1, name: a }, { number: 1, name: b }] }',
      /port 1 is there already/,
    ],
    [
      'ServiceEntry',
      '{ hosts: [a.b], resolution: DNS, addresses: [10.0.0.0/8] }',
      /address ranges need resolution NONE or STATIC/,
    ],
    [
      'ServiceEntry',
      '{ hosts: [a.b], resolution: DNS_ROUND_ROBIN, endpoints: [{ address: a.c }, { address: a.d }] }',
      /one endpoint at most/,
    ],
    ['WorkloadEntry', '{}', 'spec.address: is required'],
    ['WorkloadEntry', '{ address: "unix://a" }', /absolute path/],
    ['WorkloadEntry', '{ address: "unix:///a/", ports: { a: 1 } }', /must not be a directory/],
    ['WorkloadEntry', '{ address: 1.1.1.1, ports: { "a_b": 1 } }', /"a_b" is no port name/],
    [
      'PeerAuthentication',
      '{ mtls: { mode: STRIKT } }',
      /spec\.mtls\.mode: must be UNSET, DISABLE, PERMISSIVE or STRICT, got "STRIKT"/,
    ],
    [
      'PeerAuthentication',
      '{ mtsl: { mode: STRICT } }',
      'spec.mtsl: unknown field: a policy that cannot be understood in full is not applied; did you mean "mtls"?',
    ],
    ['PeerAuthentication', '{ portLevelMtls: { 80: { mode: STRICT } } }', /needs a selector with labels/],
    [
      'PeerAuthentication',
      '{ selector: { matchLabels: { a: b } }, portLevelMtls: { 0: {} } }',
      /must be a port from 1 to 65535, got "0"/,
    ],
    [
      'PeerAuthentication',
      '{ selector: { matchLabels: { "a*": b } } }',
      /wildcard is not allowed in a selector's label name/,
    ],
    [
      'AuthorizationPolicy',
      '{ selector: { matchLabels: { a: "b*" } } }',
      /wildcard is not allowed in a selector's label value/,
    ],
    ['AuthorizationPolicy', '{ rule: [{}] }', /spec\.rule: unknown field: .*did you mean "rules"/],
    [
      'AuthorizationPolicy',
      rule('from: [{ source: { serviceAccounts: [a], namespaces: [b] } }]'),
      /may have only one of serviceAccounts, namespaces/,
    ],
    ['AuthorizationPolicy', rule('from: [{ source: { ipBlocks: [10.0.0.0/33] } }]'), /must be an address or a range/],
    [
      'AuthorizationPolicy',
      rule('to: [{ operation: { ports: [80] } }]'),
      /ports\[0\]: must be a string, got 80; put it in quotes/,
    ],
    [
      'AuthorizationPolicy',
      rule('when: [{ key: source.ip, values: [x] }]'),
      /when\[0\]\.values\[0\]: must be an address/,
    ],
    ['AuthorizationPolicy', rule('when: [{ key: source.ip }]'), /must have values or notValues/],
    ['AuthorizationPolicy', '{ selector: {}, targetRefs: [] }', /may have only one of selector, targetRef, targetRefs/],
    [
      'RequestAuthentication',
      '{ jwtRules: [{ jwks: a, jwks_uri: "https://a" }] }',
      /may have only one of jwksUri, jwks/,
    ],
    ['Telemetry', '{ tracing: [{ randomSamplingPercentage: 101 }] }', /from 0 to 100/],
    ['TrafficSplit', '{ service: a, backends: [{ service: b, weight: 1x }] }', /must be a weight of 0 or more/],
    ['Service', '{ ports: [{ port: 0 }] }', /must be a whole number from 1 to 65535/],
  ])('%s %s', (kind, spec, expected) => {
    const result = validate(kind, spec);
    expect(result.spec).toBeUndefined();
    const wanted = typeof expected === 'string' ? `IST0106 ${expected}` : expect.stringMatching(expected);
    expect(result.findings).toContainEqual(wanted);
  });
});

describe('what is taken, with a word about it', () => {
  it.each([
    [
      'a field that Istio has not',
      'VirtualService',
      route('timout: 1s'),
      'WEFT0001 spec.http[0].timout: unknown field: it has no effect; did you mean "timeout"?',
    ],
    [
      'a field that is not acted on',
      'VirtualService',
      route('fault: { delay: { exponentialDelay: 1s } }'),
      'WEFT0002 spec.http[0].fault.delay.exponentialDelay: is not supported in this release: as under Istio no delay is injected',
    ],
    [
      'a deprecated field',
      'VirtualService',
      route('mirrorPercent: 5'),
      'IST0002 spec.http[0].mirrorPercent: is deprecated: use mirrorPercentage',
    ],
    [
      'another spelling',
      'VirtualService',
      route('mirror_percent: 5'),
      'IST0002 spec.http[0].mirror_percent: is deprecated: use mirrorPercentage',
    ],
  ])('%s', (_, kind, spec, expected) => {
    const result = validate(kind, spec);
    expect(result.spec).toBeDefined();
    expect(result.findings).toEqual([typeof expected === 'string' ? expected : expect.stringMatching(expected)]);
  });

  it('takes null for unset, as Kubernetes does', () => {
    expect(validate('DestinationRule', '{ host: a, subsets: null, trafficPolicy: ~ }')).toEqual({
      spec: { host: 'a' },
      findings: [],
    });
  });

  it.each(['v1alpha1', 'v1alpha2', 'v1alpha3', 'v1alpha4'])('takes TrafficSplit %s', (version) => {
    const { object, lines } =
      read(`{ apiVersion: split.smi-spec.io/${version}, kind: TrafficSplit, metadata: { name: a },
      spec: { service: a, backends: [{ service: b, weight: 900m }, { service: c, weight: 100 }] } }`);
    expect(lines).toEqual([]);
    expect(object?.spec).toMatchObject({ backends: [{ weight: '900m' }, { weight: 100 }] });
  });

  it.each(['v1', 'v1beta1', 'v1alpha3'])('takes networking.istio.io/%s', (version) => {
    const { object } = read(
      `{ apiVersion: networking.istio.io/${version}, kind: DestinationRule, metadata: { name: a }, spec: { host: a } }`,
    );
    expect(object).toMatchObject({
      apiVersion: `networking.istio.io/${version}`,
      metadata: { namespace: 'default' },
      spec: { host: 'a' },
    });
  });

  it('denies all with an empty policy', () => {
    const { object } = read(
      '{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: none } }',
    );
    expect(object?.spec).toEqual({});
  });
});
