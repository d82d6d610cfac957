import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCertificate, buildRootCertificate, type Signer } from '../../../common/identity/certificate.js';
import { createKeyPairSync, privateKeyPem } from '../../../common/identity/keys.js';
import { parseMetrics } from '../../support/metrics.js';
import { answer } from '../../support/scripted-upstream.js';
import { fieldOf, get, head, SidecarPair } from './pair.js';

const STRICT = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
`;

const pair = new SidecarPair();
let mesh: Signer;
let foreign: Signer;
beforeAll(async () => {
  await pair.start(STRICT);
  const folder = join(pair.mesh.state, 'ca');
  const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
  mesh = { privateKey: createPrivateKey(text('root.key')), certificate: new X509Certificate(text('root.pem')) };
  const keys = createKeyPairSync();
  const pem = buildRootCertificate({ ...keys, organization: 'foreign', ...validity() });
  foreign = { privateKey: keys.privateKey, certificate: new X509Certificate(pem) };
});
afterAll(() => pair.dispose());

function validity(from = -60_000, to = 3_600_000): { readonly notBefore: number; readonly notAfter: number } {
  return { notBefore: Date.now() + from, notAfter: Date.now() + to };
}

interface Credentials {
  readonly cert: string;
  readonly key: string;
}

const CLIENT = 'spiffe://cluster.local/ns/default/sa/client';

function issue(signer: Signer, uri: string, times = validity()): Credentials {
  const { publicKey, privateKey } = createKeyPairSync();
  const cert = buildCertificate({ publicKey, names: { uris: [uri] }, ...times, signer });
  return { cert, key: privateKeyPem(privateKey) };
}

/** What a TLS client of the server's sidecar gets; empty when it is refused. */
async function asClient(credentials: Partial<Credentials>, alpn = ['istio', 'http/1.1']): Promise<string> {
  const socket = connect({
    port: pair.ports.inbound,
    host: '127.0.0.1',
    ...credentials,
    ALPNProtocols: alpn,
    rejectUnauthorized: false,
  });
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.write(get('/direct', 'Connection: close'));
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

describe('a server’s sidecar under STRICT', () => {
  const sslErrors = async (): Promise<number> =>
    [...(await pair.admin('shop', '/stats?filter=ssl\\.(connection_error|fail_verify)')).matchAll(/: (\d+)/g)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );

  it('serves a client of the mesh', async () => {
    pair.app.reset(() => answer(200, 'ok'));
    expect(await asClient(issue(mesh, CLIENT))).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(pair.app.received).toHaveLength(1);
  });

  it.each([
    ['a foreign certificate', () => issue(foreign, CLIENT)],
    ['a certificate of another trust domain', () => issue(mesh, 'spiffe://other.test/ns/default/sa/client')],
    ['an expired certificate', () => issue(mesh, CLIENT, validity(-7_200_000, -3_600_000))],
    ['no certificate', () => ({})],
  ])('refuses %s, and counts it', async (_what, credentials) => {
    pair.app.reset(() => answer(200, 'ok'));
    const before = await sslErrors();
    expect(await asClient(credentials())).toBe('');
    expect(pair.app.received).toEqual([]);
    expect(await sslErrors()).toBe(before + 1);
  });

  it('refuses plaintext', async () => {
    const { responses, connection, received } = await pair.run({ to: 'server', send: [get()], responses: 0 });
    expect(responses).toEqual([]);
    expect(connection).not.toBe('open');
    expect(received).toEqual([]);
  });
});

describe('headers between application, sidecar and sidecar', () => {
  it('lets nothing of the mesh’s own through, in either direction', async () => {
    const { responses, received } = await pair.run({
      send: [get('/headers', 'X-Envoy-Peer-Metadata: forged', 'X-Envoy-Peer-Metadata-Id: forged')],
      answers: [answer(200, 'ok', { 'x-envoy-peer-metadata': 'forged', 'x-envoy-peer-metadata-id': 'forged' })],
    });
    for (const message of [received[0], responses[0]]) {
      expect(fieldOf(message, 'x-envoy-peer-metadata')).toBeUndefined();
      expect(fieldOf(message, 'x-envoy-peer-metadata-id')).toBeUndefined();
    }
    expect(fieldOf(received[0], 'x-forwarded-proto')).toMatch(/^https?$/);
    expect(fieldOf(received[0], 'x-envoy-attempt-count')).toBe('1');
    expect(fieldOf(received[0], 'x-envoy-decorator-operation')).toBeUndefined();
    expect(fieldOf(responses[0], 'x-envoy-upstream-service-time')).toMatch(/^\d+$/);
  });

  it('throws a forged X-Forwarded-Client-Cert away and says who the client is', async () => {
    const { received } = await pair.run({ send: [get('/xfcc', 'X-Forwarded-Client-Cert: By=spiffe://forged')] });
    expect(fieldOf(received[0], 'x-forwarded-client-cert')).toMatch(
      /^By=spiffe:\/\/cluster\.local\/ns\/default\/sa\/shop;Hash=[0-9a-f]{64};Subject="";URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/client$/,
    );
  });

  it('makes a request id, and passes one on', async () => {
    const made = await pair.run({ send: [get('/id')] });
    expect(fieldOf(made.received[0], 'x-request-id')).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    const passed = await pair.run({ send: [get('/id', 'X-Request-Id: mine')] });
    expect(fieldOf(passed.received[0], 'x-request-id')).toBe('mine');
  });
});

describe('metrics and logs of a known sequence', () => {
  const PATH = '/counted';
  const count = async (
    side: 'client' | 'shop',
    metric: string,
    code: string,
  ): Promise<ReturnType<typeof parseMetrics>> =>
    parseMetrics(await pair.admin(side, '/stats/prometheus'), metric).filter(
      ({ labels }) => labels['response_code'] === code && labels['request_protocol'] === 'http',
    );

  it('counts exactly, with all labels, on both sides, and logs Istio’s fields', async () => {
    await pair.log(0);
    for (let i = 0; i < 7; i++) {
      await pair.run({ send: [get(PATH)], answers: [{ steps: ['HTTP/1.1 418 Teapot\r\ncontent-length: 0\r\n\r\n'] }] });
    }
    for (const [side, reporter] of [
      ['client', 'source'],
      ['shop', 'destination'],
    ] as const) {
      const [sample, ...rest] = await count(side, 'istio_requests_total', '418');
      expect(rest).toEqual([]);
      expect(sample?.value).toBe(7);
      expect(sample?.labels).toMatchObject({
        reporter,
        request_protocol: 'http',
        response_code: '418',
        response_flags: '-',
        connection_security_policy: reporter === 'source' ? 'unknown' : 'mutual_tls',
        source_workload: 'client',
        source_workload_namespace: 'default',
        source_principal: CLIENT,
        source_app: 'client',
        source_version: 'v1',
        source_canonical_service: 'client',
        source_canonical_revision: 'v1',
        source_cluster: 'local',
        destination_workload: 'shop',
        destination_workload_namespace: 'default',
        destination_principal: 'spiffe://cluster.local/ns/default/sa/shop',
        destination_app: 'shop',
        destination_version: 'v1',
        destination_canonical_service: 'shop',
        destination_canonical_revision: 'v1',
        destination_cluster: 'local',
        destination_service: 'shop.default.svc.cluster.local',
        destination_service_name: 'shop',
        destination_service_namespace: 'default',
      });
      const [duration] = await count(side, 'istio_request_duration_milliseconds_count', '418');
      expect(duration?.value).toBe(7);
    }
    const lines = (await pair.log(14)).filter(({ path }) => path === PATH);
    expect(lines).toHaveLength(14);
    for (const line of lines) {
      expect(line).toMatchObject({
        method: 'GET',
        path: PATH,
        protocol: expect.stringMatching(/^HTTP\/(?:1\.1|2)$/),
        response_code: 418,
        response_flags: '-',
        response_code_details: 'via_upstream',
        authority: 'shop',
        bytes_received: 0,
        bytes_sent: 0,
      });
      expect(line['request_id']).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it.each(['/ready', '/stats', '/config_dump', '/clusters', '/listeners', '/certs', '/server_info', '/logging'])(
    'answers %s',
    async (path) => {
      expect((await pair.admin('client', path)).length).toBeGreaterThan(0);
    },
  );
});

describe('a client’s sidecar', () => {
  const servers: Server[] = [];
  beforeAll(async () => {
    const sidecar = pair.mesh.process('sidecar shop');
    sidecar.kill('SIGKILL');
    await once(sidecar, 'exit');
  });
  afterAll(() => {
    for (const server of servers) server.close();
  });

  const SHOP = 'spiffe://cluster.local/ns/default/sa/shop';

  it.each([
    ['the right identity', () => issue(mesh, SHOP), 200, ''],
    ['a foreign certificate', () => issue(foreign, SHOP), 503, 'CERTIFICATE_VERIFY_FAILED'],
    ['the wrong identity', () => issue(mesh, CLIENT), 503, 'CERTIFICATE_VERIFY_FAILED'],
    [
      'another trust domain',
      () => issue(mesh, 'spiffe://other.test/ns/default/sa/shop'),
      503,
      'CERTIFICATE_VERIFY_FAILED',
    ],
  ] as const)('that meets %s', async (_what, credentials, status, reason) => {
    let requests = 0;
    const server = createServer({ ...credentials(), ALPNProtocols: ['istio', 'http/1.1'] }, (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        requests++;
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      });
    });
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(pair.ports.inbound, '127.0.0.1', resolve));
    const { responses } = await pair.run({ send: [head('POST /tls HTTP/1.1', 'Host: shop', 'Content-Length: 0')] });
    await new Promise((resolve) => server.close(resolve));
    expect(responses[0]?.start).toContain(` ${status} `);
    expect(requests).toBe(status === 200 ? 1 : 0);
    const line = (await flushed()).find(({ path }) => path === '/tls');
    if (status === 200) expect(line?.['response_flags']).toBe('-');
    else {
      expect(line?.['response_flags']).toMatch(/UF/);
      expect(line?.['upstream_transport_failure_reason']).toContain(reason);
      expect(line?.['upstream_transport_failure_reason']).not.toContain(' ');
    }
  });

  const flushed = (): ReturnType<SidecarPair['log']> => pair.log(1);
});
