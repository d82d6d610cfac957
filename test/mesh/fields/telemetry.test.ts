import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getText } from '../../../cli/mesh/http.js';
import { all, FieldMesh, MARKER, meshConfig, serviceOf } from '../../support/field-mesh.js';

const TRUST = 'trustDomain: mesh.test, trustDomainAliases: [old.test]';
const settings = (fields = ''): string => meshConfig(fields === '' ? TRUST : `${TRUST}, ${fields}`);

const mesh = new FieldMesh();
beforeAll(() =>
  mesh.start(
    [
      { name: 'client', labels: { app: 'client' } },
      { name: 'shop-v1', labels: { app: 'shop', version: 'v1' } },
    ],
    { 'services.yaml': serviceOf('shop') },
    settings(),
  ),
);
afterAll(() => mesh.dispose());

let calls = 0;
const file = (): string => join(mesh.mesh.folder, `access-${calls}.log`);
/** Without those of the requests that ask whether a configuration is in force. */
const lines = (path: string): string[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '' && !line.includes(MARKER))
    : [];

/** Requests of the case with these answers, after which the file is to hold so many lines. Returns them. */
async function logged(count: number, statuses: readonly number[] = [200]): Promise<string[]> {
  const path = file();
  for (const status of statuses) {
    const headers = { 'user-agent': 'tester', ...(status === 200 ? {} : { 'x-status': String(status) }) };
    await mesh.call({ host: 'shop', path: '/logged?x=1', headers });
  }
  return mesh.mesh.until(
    `${count} lines in ${path}`,
    async () => {
      const found = lines(path);
      if (found.length < count) throw new Error(`there are ${found.length}`);
      return found;
    },
    5_000,
  );
}

const DEFAULT_LINE =
  /^\[\d{4}-\d\d-\d\dT[\d:.]+Z\] "GET \/logged\?x=1 HTTP\/(?:1\.1|2)" 200 - via_upstream - "-" 0 \d+ \d+ \d+ "[^"]*" "tester" "[0-9a-f-]{36}" "shop" "[\d.:]+" (inbound|outbound)\|\S+ \S+ \S+ \S+ \S+ \S+$/;

describe('MeshConfig accessLog', () => {
  it('File writes the default line, at the client and at the server', async () => {
    calls += 1;
    await mesh.apply(settings(`accessLogFile: ${file()}`));
    const found = await logged(2);
    for (const line of found) expect(line).toMatch(DEFAULT_LINE);
    expect(found.map((line) => DEFAULT_LINE.exec(line)?.[1]).sort()).toEqual(['inbound', 'outbound']);
  });

  it('Format is taken', async () => {
    calls += 1;
    await mesh.apply(
      settings(`accessLogFile: ${file()}, accessLogFormat: "%REQ(:METHOD)% %RESPONSE_CODE% %REQ(:AUTHORITY)%"`),
    );
    expect(await logged(2)).toEqual(['GET 200 shop', 'GET 200 shop']);
  });

  it('Encoding JSON has the default keys', async () => {
    calls += 1;
    await mesh.apply(settings(`accessLogFile: ${file()}, accessLogEncoding: JSON`));
    const found = (await logged(2)).map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const entry of found) {
      expect(entry).toMatchObject({
        method: 'GET',
        path: '/logged?x=1',
        response_code: 200,
        response_flags: '-',
        user_agent: 'tester',
        authority: 'shop',
        protocol: expect.stringMatching(/^HTTP\/(?:1\.1|2)$/),
      });
      expect(entry['duration']).toBeTypeOf('number');
    }
  });

  it('Encoding JSON with a format of its own', async () => {
    calls += 1;
    const format = JSON.stringify(JSON.stringify({ code: '%RESPONSE_CODE%', at: { host: '%REQ(:AUTHORITY)%' } }));
    await mesh.apply(settings(`accessLogFile: ${file()}, accessLogEncoding: JSON, accessLogFormat: ${format}`));
    const found = (await logged(2)).map((line) => JSON.parse(line) as unknown);
    expect(found).toEqual([1, 2].map(() => ({ code: 200, at: { host: 'shop' } })));
  });
});

const PROVIDER = (): string =>
  `extensionProviders: [{name: file, envoyFileAccessLog: {path: ${file()}, logFormat: {text: "%RESPONSE_CODE% %UPSTREAM_CLUSTER% %REQ(:AUTHORITY)%"}}}]`;

function telemetry(accessLogging: string, namespace = 'istio-system', selector = ''): string {
  return `apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: t${selector.length}, namespace: ${namespace}}
spec: {${selector}accessLogging: ${accessLogging}}
`;
}

const BOTH = ['200 inbound', '200 outbound'];
const SERVER = 'selector: {matchLabels: {app: shop}}, ';

/** Telemetries and the lines that a 200 and then a 500 write, without what follows the direction. */
const TELEMETRIES: readonly [what: string, objects: () => string, expected: readonly string[]][] = [
  ['providers', () => telemetry('[{providers: [{name: file}]}]'), [...BOTH, '500 inbound', '500 outbound']],
  [
    'match CLIENT',
    () => telemetry('[{providers: [{name: file}], match: {mode: CLIENT}}]'),
    ['200 outbound', '500 outbound'],
  ],
  [
    'match SERVER',
    () => telemetry('[{providers: [{name: file}], match: {mode: SERVER}}]'),
    ['200 inbound', '500 inbound'],
  ],
  [
    'filter',
    () => telemetry('[{providers: [{name: file}], filter: {expression: "response.code >= 400"}}]'),
    ['500 inbound', '500 outbound'],
  ],
  [
    'filter with a header and logic',
    () =>
      telemetry(
        `[{providers: [{name: file}], filter: {expression: "request.headers['user-agent'] == 'tester' && response.code != 200"}}]`,
      ),
    ['500 inbound', '500 outbound'],
  ],
  [
    'disabled for a namespace, back for a workload',
    () =>
      all(
        telemetry('[{providers: [{name: file}]}]'),
        telemetry('[{disabled: true}]', 'default'),
        telemetry('[{disabled: false}]', 'default', SERVER),
      ),
    ['200 inbound', '500 inbound'],
  ],
  [
    'disabled for a workload',
    () => all(telemetry('[{providers: [{name: file}]}]'), telemetry('[{disabled: true}]', 'default', SERVER)),
    ['200 outbound', '500 outbound'],
  ],
  [
    'another namespace’s',
    () =>
      all(telemetry('[{providers: [{name: file}], match: {mode: CLIENT}}]'), telemetry('[{disabled: true}]', 'other')),
    ['200 outbound', '500 outbound'],
  ],
];

describe('Telemetry accessLogging', () => {
  it.each(TELEMETRIES)('%s', async (_, objects, expected) => {
    calls += 1;
    await mesh.apply(all(settings(PROVIDER()), objects()));
    const found = await logged(expected.length, [200, 500]);
    expect(found.map((line) => line.split('|')[0]).sort()).toEqual([...expected].sort());
  });

  it('uses MeshConfig.defaultProviders where no Telemetry names one', async () => {
    calls += 1;
    await mesh.apply(settings(`${PROVIDER()}, defaultProviders: {accessLogging: [file]}`));
    expect((await logged(2)).map((line) => line.split('|')[0]).sort()).toEqual(BOTH);
  });

  it.each(['v1', 'v1alpha1'])('is read as %s', async (version) => {
    calls += 1;
    const object = telemetry('[{providers: [{name: file}]}]').replace('/v1\n', `/${version}\n`);
    await mesh.apply(all(settings(PROVIDER()), object));
    expect(await logged(2)).toHaveLength(2);
  });
});

/** pathNormalization, path as sent, path as the application sees it. */
const PATHS: readonly [normalization: string, sent: string, seen: string][] = [
  ['NONE', '/a/../b//c', '/a/../b//c'],
  ['BASE', '/a/../b//c', '/b//c'],
  ['DEFAULT', '/a/./b', '/a/b'],
  ['MERGE_SLASHES', '/a/../b//c', '/b/c'],
  ['MERGE_SLASHES', '/a%2Fb', '/a%2Fb'],
  ['DECODE_AND_MERGE_SLASHES', '/a%2F%2fb', '/a/b'],
];

describe('MeshConfig', () => {
  it.each(PATHS)('pathNormalization %s makes %s into %s', async (normalization, path, seenPath) => {
    await mesh.apply(settings(`pathNormalization: {normalization: ${normalization}}`));
    expect((await mesh.call({ host: 'shop', path })).seen?.path).toBe(seenPath);
  });

  it('defaultHttpRetryPolicy retries where a route says nothing', async () => {
    await mesh.apply(settings('defaultHttpRetryPolicy: {attempts: 4, retryOn: 5xx}'));
    expect((await mesh.call({ host: 'shop', headers: { 'x-fail-first': '4' } })).status).toBe(200);
    await mesh.apply(settings('defaultHttpRetryPolicy: {attempts: 0}'));
    expect((await mesh.call({ host: 'shop', headers: { 'x-fail-first': '1' } })).status).toBe(503);
  });

  it.each([
    ['REGISTRY_ONLY', 502],
    // Looked up, and found nowhere.
    ['ALLOW_ANY', 503],
  ])('outboundTrafficPolicy %s answers %d for a host that nobody knows', async (mode, status) => {
    await mesh.apply(settings(`outboundTrafficPolicy: {mode: ${mode}}`));
    expect((await mesh.call({ host: 'nobody.invalid' })).status).toBe(status);
    expect(await mesh.findings()).toHaveLength(0);
  });

  it('trustDomain is in every identity, and its aliases in policies', async () => {
    const policy = (principal: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p}
spec: {selector: {matchLabels: {app: shop}}, rules: [{from: [{source: {principals: ["${principal}"]}}]}]}
`;
    await mesh.apply(settings());
    const xfcc = (await mesh.call({ host: 'shop' })).seen?.headers['x-forwarded-client-cert'];
    expect(xfcc).toContain('URI=spiffe://mesh.test/ns/default/sa/client');
    for (const [domain, status] of [
      ['mesh.test', 200],
      ['old.test', 200],
      ['cluster.local', 200],
      ['foreign.test', 403],
    ] as const) {
      await mesh.apply(all(settings(), policy(`${domain}/ns/default/sa/client`)));
      expect([domain, (await mesh.call({ host: 'shop' })).status]).toEqual([domain, status]);
    }
  });

  it('enableAutoMtls false speaks plaintext unless a DestinationRule says otherwise', async () => {
    const rule = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop}
spec: {host: shop, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
`;
    const xfcc = async (): Promise<string | undefined> =>
      (await mesh.call({ host: 'shop' })).seen?.headers['x-forwarded-client-cert'];
    await mesh.apply(settings('enableAutoMtls: false'));
    expect(await xfcc()).toBeUndefined();
    await mesh.apply(all(settings('enableAutoMtls: false'), rule));
    expect(await xfcc()).toContain('spiffe://');
  });

  it('meshMTLS.minProtocolVersion refuses older TLS', async () => {
    const { sidecar } = await mesh.mesh.workload('shop-v1');
    const port = sidecar?.inbound[mesh.app('shop-v1').port] ?? 0;
    const refusal = (): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect({
          port,
          host: '127.0.0.1',
          maxVersion: 'TLSv1.2',
          ALPNProtocols: ['istio', 'http/1.1'],
          rejectUnauthorized: false,
        });
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        socket.on('close', () => resolve('closed'));
      });
    await mesh.apply(settings('meshMTLS: {minProtocolVersion: TLSV1_3}'));
    expect(await refusal()).toMatch(/PROTOCOL_VERSION/);
    await mesh.apply(settings());
    expect(await refusal()).not.toMatch(/PROTOCOL_VERSION/);
  });

  it('defaultConfig reaches the bootstrap of a sidecar', async () => {
    await mesh.apply(settings('defaultConfig: {drainDuration: 7s, terminationDrainDuration: 3s}'));
    const { debugUrl } = mesh.mesh.controlPlane();
    const text = await getText(`${debugUrl}/debug/bootstrap?workload=default/client`);
    expect(JSON.parse(text)).toMatchObject({ node: { metadata: { DRAIN_SECONDS: 3, LISTENER_DRAIN_SECONDS: 7 } } });
  });
});
