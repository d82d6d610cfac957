import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EchoApp } from '../../support/echo-app.js';
import { all, FieldMesh, routes, rule, serviceOf } from '../../support/field-mesh.js';
import { startTlsEcho, type TlsEcho } from '../../support/tls-echo.js';

const mesh = new FieldMesh();
const outside = new EchoApp('outside');
const second = new EchoApp('second');
let secure: TlsEcho;

beforeAll(async () => {
  await Promise.all([outside.listen(), second.listen()]);
  await mesh.start(
    [
      { name: 'client', labels: { app: 'client' } },
      { name: 'shop-v1', labels: { app: 'shop', version: 'v1' } },
      { name: 'shop-v2', labels: { app: 'shop', version: 'v2' }, extra: 'weight: 3' },
      { name: 'bare', labels: { app: 'bare' }, sidecar: false },
    ],
    { 'services.yaml': all(serviceOf('shop'), serviceOf('bare')) },
  );
  secure = await startTlsEcho(mesh.mesh.folder);
});
afterAll(async () => {
  outside.close();
  second.close();
  secure?.close();
  await mesh.dispose();
});

function entry(spec: string): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside}
spec: {location: MESH_EXTERNAL, ${spec}}
`;
}

const HTTP = '{number: 80, name: http, protocol: HTTP}';

/** ServiceEntry, host of the request, the application that answers. */
const ENTRIES: readonly [what: string, spec: () => string, host: () => string][] = [
  [
    'STATIC with the port of the endpoint',
    () =>
      `hosts: [out.test], resolution: STATIC, ports: [${HTTP}], endpoints: [{address: 127.0.0.1, ports: {http: ${outside.port}}}]`,
    () => 'out.test',
  ],
  [
    'targetPort',
    () =>
      `hosts: [out.test], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP, targetPort: ${outside.port}}], endpoints: [{address: 127.0.0.1}]`,
    () => 'out.test:80',
  ],
  [
    'DNS with an endpoint by name',
    () =>
      `hosts: [out.test], resolution: DNS, ports: [${HTTP}], endpoints: [{address: localhost, ports: {http: ${outside.port}}}]`,
    () => 'out.test',
  ],
  [
    'DNS by the host itself',
    () => `hosts: [localhost], resolution: DNS, ports: [{number: ${outside.port}, name: http, protocol: HTTP}]`,
    () => `localhost:${outside.port}`,
  ],
  [
    'DNS_ROUND_ROBIN',
    () =>
      `hosts: [out.test], resolution: DNS_ROUND_ROBIN, ports: [${HTTP}], endpoints: [{address: localhost, ports: {http: ${outside.port}}}]`,
    () => 'out.test',
  ],
  [
    'NONE by the host itself',
    () => `hosts: [localhost], ports: [{number: ${outside.port}, name: http, protocol: HTTP}]`,
    () => `localhost:${outside.port}`,
  ],
  [
    'a wildcard with endpoints',
    () =>
      `hosts: ["*.out.test"], resolution: STATIC, ports: [${HTTP}], endpoints: [{address: 127.0.0.1, ports: {http: ${outside.port}}}]`,
    () => 'a.b.out.test',
  ],
  [
    'the second of several hosts and ports',
    () =>
      `hosts: [x.test, out.test], resolution: STATIC, ports: [${HTTP}, {number: 8080, name: alt, protocol: HTTP}], endpoints: [{address: 127.0.0.1, ports: {http: 1, alt: ${outside.port}}}]`,
    () => 'out.test:8080',
  ],
];

describe('ServiceEntry', () => {
  it.each(ENTRIES)('%s', async (_, spec, host) => {
    await mesh.apply(entry(spec()));
    expect((await mesh.call({ host: host() })).seen?.name).toBe('outside');
  });

  it.each(['v1alpha3', 'v1beta1', 'v1'])('is read as %s', async (version) => {
    const spec = `hosts: [out.test], resolution: STATIC, ports: [${HTTP}], endpoints: [{address: 127.0.0.1, ports: {http: ${outside.port}}}]`;
    await mesh.apply(entry(spec).replace('/v1\n', `/${version}\n`));
    expect((await mesh.call({ host: 'out.test' })).seen?.name).toBe('outside');
  });

  const TWO = (): string =>
    `hosts: [out.test], resolution: STATIC, ports: [${HTTP}], endpoints: [
      {address: 127.0.0.1, ports: {http: ${outside.port}}, weight: 1, labels: {version: a}},
      {address: 127.0.0.1, ports: {http: ${second.port}}, weight: 3, labels: {version: b}}]`;

  it('endpoints have weights', async () => {
    await mesh.apply(all(entry(TWO()), rule('trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}', 'out.test')));
    expect(await mesh.shares(80, { host: 'out.test' })).toEqual({ outside: 20, second: 60 });
  });

  it('endpoints have labels that subsets select', async () => {
    await mesh.apply(
      all(
        entry(TWO()),
        rule('subsets: [{name: b, labels: {version: b}}]', 'out.test'),
        routes('[{route: [{destination: {host: out.test, subset: b}}]}]', 'out.test'),
      ),
    );
    expect(await mesh.shares(20, { host: 'out.test' })).toEqual({ second: 20 });
  });

  it('exportTo hides it from other namespaces', async () => {
    await mesh.apply(entry(`exportTo: [elsewhere], ${TWO()}`));
    // What is not seen is looked up like any other host outside, and nobody has that name.
    expect((await mesh.call({ host: 'out.test' })).status).toBe(503);
  });
});

describe('WorkloadEntry', () => {
  it('weight decides the share', async () => {
    await mesh.apply(rule('trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}'));
    expect(await mesh.shares(80, { host: 'shop' })).toEqual({ 'shop-v1': 20, 'shop-v2': 60 });
  });

  it('without a sidecar is reached as it is', async () => {
    await mesh.apply('');
    const { seen } = await mesh.call({ host: 'bare' });
    expect(seen?.name).toBe('bare');
    expect(seen?.headers['x-forwarded-client-cert']).toBeUndefined();
  });

  it('comes and goes while requests flow', async () => {
    const added = `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: bare-2, annotations: {sidecar.istio.io/inject: "false"}}
spec: {address: 127.0.0.1, ports: {http: ${outside.port}}, labels: {app: bare}}
`;
    await mesh.apply(added);
    expect(Object.keys(await mesh.shares(60, { host: 'bare' })).sort()).toEqual(['bare', 'outside']);
    await mesh.apply('');
    expect(await mesh.shares(20, { host: 'bare' })).toEqual({ bare: 20 });
  });

  it('is selected by a Kubernetes Service too', async () => {
    await mesh.apply(`apiVersion: v1
kind: Service
metadata: {name: kube}
spec: {selector: {app: shop, version: v1}, ports: [{name: web, port: 8000, targetPort: http, appProtocol: http}]}
`);
    expect(await mesh.shares(4, { host: 'kube:8000' })).toEqual({ 'shop-v1': 4 });
  });
});

describe('DestinationRule tls', () => {
  const external = (): string =>
    entry(
      `hosts: [secure.test], resolution: STATIC, ports: [${HTTP}, {number: 81, name: plain, protocol: HTTP}], endpoints: [{address: 127.0.0.1, ports: {http: ${secure.port}, plain: ${outside.port}}}]`,
    );
  const tls = (fields: string): string => rule(`trafficPolicy: {tls: {${fields}}}`, 'secure.test');

  /** TLS settings, and the body that the server answers with; undefined where the connection must fail. */
  const SETTINGS: readonly [what: string, fields: () => string, body: string | undefined][] = [
    ['SIMPLE', () => `mode: SIMPLE, caCertificates: ${secure.rootFile}`, 'sni=secure.test client=false'],
    [
      'another sni',
      () => `mode: SIMPLE, caCertificates: ${secure.rootFile}, sni: secure.test, subjectAltNames: [secure.test]`,
      'sni=secure.test client=false',
    ],
    [
      'SIMPLE with an sni that is not the host',
      () => `mode: SIMPLE, insecureSkipVerify: true, sni: other.test`,
      'sni=other.test client=false',
    ],
    ['foreign roots', () => `mode: SIMPLE, caCertificates: ${secure.otherRootFile}`, undefined],
    ['the system’s roots', () => 'mode: SIMPLE', undefined],
    ['foreign roots, unverified', () => 'mode: SIMPLE, insecureSkipVerify: true', 'sni=secure.test client=false'],
    [
      'a server that is not who was asked for',
      () => `mode: SIMPLE, caCertificates: ${secure.rootFile}, sni: other.test`,
      undefined,
    ],
    [
      'another subjectAltName',
      () => `mode: SIMPLE, caCertificates: ${secure.rootFile}, subjectAltNames: [other.test]`,
      undefined,
    ],
    [
      'MUTUAL',
      () =>
        `mode: MUTUAL, caCertificates: ${secure.rootFile}, clientCertificate: ${secure.clientCertificateFile}, privateKey: ${secure.clientKeyFile}`,
      'sni=secure.test client=true',
    ],
    ['DISABLE', () => 'mode: DISABLE', undefined],
    ['ISTIO_MUTUAL, which the server’s root is not of', () => 'mode: ISTIO_MUTUAL', undefined],
  ];

  it.each(SETTINGS)('%s', async (_, fields, body) => {
    await mesh.apply(all(external(), tls(fields())));
    const answer = await mesh.call({ host: 'secure.test' });
    if (body === undefined) expect(answer.status).toBe(503);
    else expect([answer.status, answer.body]).toEqual([200, body]);
  });

  describe('credentialName', () => {
    const secret = (name: string, fields: Record<string, string>): string =>
      `${JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: fields })}\n`;
    const text = (file: string): string => readFileSync(file, 'utf8');
    const own = (): Record<string, string> => ({
      'tls.crt': text(secure.clientCertificateFile),
      'tls.key': text(secure.clientKeyFile),
    });
    const selecting = (client: string): string =>
      rule(
        `workloadSelector: {matchLabels: {app: ${client}}}, trafficPolicy: {tls: {mode: MUTUAL, credentialName: pay}}`,
        'secure.test',
      );

    it('takes certificate and roots from a Secret, and follows it', async () => {
      const trusting = (roots: string): string =>
        all(external(), selecting('client'), secret('pay', { ...own(), 'ca.crt': text(roots) }));
      await mesh.apply(trusting(secure.rootFile));
      await mesh.mesh.until('the secrets', async () => {
        const { status, body } = await mesh.call({ host: 'secure.test' });
        expect([status, body]).toEqual([200, 'sni=secure.test client=true']);
      });
      await mesh.apply(trusting(secure.otherRootFile));
      await mesh.mesh.until('roots that do not fit', async () => {
        expect((await mesh.call({ host: 'secure.test' })).status).toBe(503);
      });
    });

    it.each([
      ['cacert', 'cacert'],
      ['ca.crt', 'ca.crt'],
    ])('takes the roots from a Secret of their own, key %s, before those beside the certificate', async (key) => {
      const roots = secret('pay-cacert', { [key]: text(secure.rootFile) });
      const beside = secret('pay', { ...own(), 'ca.crt': text(secure.otherRootFile) });
      const works = async (): Promise<void> => {
        const { status, body } = await mesh.call({ host: 'secure.test' });
        expect([status, body]).toEqual([200, 'sni=secure.test client=true']);
      };
      await mesh.apply(all(external(), selecting('client'), secret('pay', own()), roots));
      await mesh.mesh.until('the secrets', works);
      await mesh.apply(all(external(), selecting('client'), beside));
      await mesh.mesh.until('the roots beside the certificate', async () => {
        expect((await mesh.call({ host: 'secure.test' })).status).toBe(503);
      });
      await mesh.apply(all(external(), selecting('client'), beside, roots));
      await mesh.mesh.until('the roots again', works);
    });

    it('lets go of a Secret that is deleted', async () => {
      const both = secret('pay', { ...own(), 'ca.crt': text(secure.rootFile) });
      await mesh.apply(all(external(), selecting('client'), both));
      await mesh.mesh.until('the secrets', async () => {
        expect((await mesh.call({ host: 'secure.test' })).status).toBe(200);
      });
      await mesh.apply(all(external(), selecting('client')));
      await mesh.mesh.until('nothing without them', async () => {
        expect((await mesh.call({ host: 'secure.test' })).status).toBe(503);
      });
    });

    it('gives nothing to a client that the rule does not select by its labels', async () => {
      const both = secret('pay', { ...own(), 'ca.crt': text(secure.rootFile) });
      await mesh.apply(
        all(external(), rule('trafficPolicy: {tls: {mode: MUTUAL, credentialName: pay}}', 'secure.test'), both),
      );
      expect((await mesh.call({ host: 'secure.test' })).status).toBe(503);
    });
  });

  it('portLevelSettings are for one port', async () => {
    const port = `{port: {number: 80}, tls: {mode: SIMPLE, caCertificates: ${secure.rootFile}}}`;
    await mesh.apply(all(external(), rule(`trafficPolicy: {portLevelSettings: [${port}]}`, 'secure.test')));
    expect((await mesh.call({ host: 'secure.test' })).body).toContain('sni=');
    expect((await mesh.call({ host: 'secure.test:81' })).seen?.name).toBe('outside');
  });

  it('DISABLE does not reach a workload that takes only mTLS', async () => {
    const strict = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict}
spec: {selector: {matchLabels: {app: shop}}, mtls: {mode: STRICT}}
`;
    await mesh.apply(all(strict, rule('trafficPolicy: {tls: {mode: DISABLE}}')));
    expect((await mesh.call({ host: 'shop' })).status).toBe(503);
    await mesh.apply(all(strict, rule('trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}')));
    expect((await mesh.call({ host: 'shop' })).status).toBe(200);
  });

  it('of a subset goes before that of the host', async () => {
    await mesh.apply(
      all(
        external(),
        rule(
          `trafficPolicy: {tls: {mode: DISABLE}}, subsets: [{name: tls, trafficPolicy: {tls: {mode: SIMPLE, caCertificates: ${secure.rootFile}}}}]`,
          'secure.test',
        ),
        routes('[{route: [{destination: {host: secure.test, subset: tls, port: {number: 80}}}]}]', 'secure.test'),
      ),
    );
    expect((await mesh.call({ host: 'secure.test' })).body).toContain('sni=');
  });
});

function split(version: string, backends: string): string {
  return `apiVersion: split.smi-spec.io/${version}
kind: TrafficSplit
metadata: {name: split}
spec: {service: shop, backends: ${backends}}
`;
}

describe('TrafficSplit', () => {
  it.each([
    ['v1alpha1', '900m', '100m', 0.9],
    ['v1alpha2', '90', '10', 0.9],
    ['v1alpha3', '1', '3', 0.25],
    ['v1alpha4', '0', '7', 0],
    ['v1alpha4', '1.5', '500m', 0.75],
  ])('%s with weights %s and %s', async (version, one, two, share) => {
    await mesh.apply(split(version, `[{service: bare, weight: ${one}}, {service: shop, weight: ${two}}]`));
    const found = await mesh.shares(400, { host: 'shop' });
    const tolerance = 4 * Math.sqrt((share * (1 - share)) / 400);
    expect(Math.abs((found['bare'] ?? 0) / 400 - share)).toBeLessThanOrEqual(tolerance);
    expect(Object.values(found).reduce((sum, count) => sum + count, 0)).toBe(400);
    expect(await mesh.findings()).toEqual([]);
  });

  it('gives way to a VirtualService, and says so', async () => {
    await mesh.apply(
      all(split('v1alpha4', '[{service: bare, weight: 1}]'), routes('[{route: [{destination: {host: shop}}]}]')),
    );
    expect(Object.keys(await mesh.shares(20, { host: 'shop' })).sort()).toEqual(['shop-v1', 'shop-v2']);
    expect(await mesh.findings()).toMatchObject([{ level: 'warning', field: 'spec.service' }]);
  });
});
