import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getText } from '../../../cli/mesh/http.js';
import { createCsr } from '../../../common/identity/csr.js';
import { createKeyPair } from '../../../common/identity/keys.js';
import { systemClock } from '../../../common/runtime/clock.js';
import { CONTROL_PLANE_NAME } from '../../../common/xds/names.js';
import { CA_SERVICE } from '../../../control-plane/ca/service.js';
import { issueToken } from '../../../control-plane/ca/tokens.js';
import { TestMesh } from '../../support/mesh.js';
import { type Caller, openAds, requestCertificate } from '../../support/mesh-calls.js';
import { parseMetrics } from '../../support/metrics.js';

const SHOP = 'spiffe://cluster.local/ns/default/sa/shop';
const ADMIN = 'spiffe://cluster.local/ns/default/sa/admin';
const entry = (name: string): string => `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: default}
spec: {address: 127.0.0.1, serviceAccount: ${name}, labels: {app: ${name}}, ports: {http: 8080}}
`;

const mesh = new TestMesh();
let caller: (token: string | undefined) => Caller;
let good: string;
let key: ReturnType<typeof createPrivateKey>;

beforeAll(async () => {
  const { xdsAddress, rootCertificate } = await mesh.start({
    'shop.yaml': entry('shop'),
    'admin.yaml': entry('admin'),
  });
  const roots = readFileSync(rootCertificate, 'utf8');
  caller = (token) => ({ address: xdsAddress, roots, token, serverName: CONTROL_PLANE_NAME });
  key = createPrivateKey(readFileSync(join(mesh.state, 'tokens', 'signing.key'), 'utf8'));
  good = await issueToken(key, { namespace: 'default', serviceAccount: 'shop', ttlSeconds: 600 }, systemClock);
});
afterAll(() => mesh.dispose());

function token(change: (jwt: SignJWT) => SignJWT, signer = key, header: object = { alg: 'ES256' }): Promise<string> {
  const claims = { 'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'shop' } } };
  const jwt = new SignJWT(claims)
    .setProtectedHeader(header as { alg: string })
    .setIssuer('weft-local')
    .setAudience('istio-ca')
    .setSubject('system:serviceaccount:default:shop')
    .setExpirationTime('5m');
  return change(jwt).sign(signer);
}

function unsigned(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: 'weft-local', aud: 'istio-ca', sub: 'system:serviceaccount:default:shop', exp: 4e9 };
  return `${part({ alg: 'none' })}.${part(claims)}.`;
}

async function metric(name: string): Promise<number> {
  const text = await getText(`${mesh.controlPlane().debugUrl}/metrics`);
  return parseMetrics(text, name).reduce((sum, { value }) => sum + value, 0);
}

const STOLEN: readonly [what: string, made: () => string | undefined | Promise<string | undefined>][] = [
  ['no token', () => undefined],
  ['for another audience', () => token((jwt) => jwt.setAudience('https://kubernetes.default.svc'))],
  ['of another issuer', () => token((jwt) => jwt.setIssuer('https://evil.test'))],
  ['that has expired', () => token((jwt) => jwt.setExpirationTime('-1m'))],
  ['that somebody else signed', async () => token((jwt) => jwt, (await createKeyPair()).privateKey)],
  ['that is not signed', unsigned],
  [
    'with another account written in',
    () =>
      good.replace(
        /\.[^.]+\./,
        `.${Buffer.from('{"sub":"system:serviceaccount:default:admin"}').toString('base64url')}.`,
      ),
  ],
  ['of no account', () => token((jwt) => jwt.setSubject('system:node:one'))],
];

describe('a token', () => {
  it.each(STOLEN)('%s gets neither a certificate nor configuration, and is counted', async (_what, made) => {
    const sent = await made();
    const before = await metric('citadel_server_authentication_failure_count');
    await expect(requestCertificate(caller(sent), SHOP)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    const ads = openAds(caller(sent), { pod: 'shop', namespace: 'default', account: 'shop' });
    expect(await ads.ended).toMatchObject({ code: status.UNAUTHENTICATED });
    expect([ads.responses(), ads.clusters.size]).toEqual([0, 0]);
    expect(await metric('citadel_server_authentication_failure_count')).toBe(before + 1);
    if (sent !== undefined) expect(mesh.log.join('\n')).not.toContain(sent);
    ads.close();
  });

  it('of one account gets no certificate of another', async () => {
    const before = await metric('citadel_server_id_extraction_err_count');
    for (const uri of [ADMIN, SHOP.replace('default', 'istio-system'), SHOP.replace('cluster.local', 'other')]) {
      await expect(requestCertificate(caller(good), uri)).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
    }
    expect(await metric('citadel_server_id_extraction_err_count')).toBe(before + 3);
    expect(await requestCertificate(caller(good), SHOP)).not.toHaveLength(0);
  });

  it.each([
    ['another account’s workload', { pod: 'admin', namespace: 'default', account: 'admin' }],
    ['another’s workload under its own account', { pod: 'admin', namespace: 'default', account: 'shop' }],
    ['another namespace', { pod: 'shop', namespace: 'istio-system', account: 'shop' }],
  ])('of one account gets no configuration of %s', async (_what, node) => {
    const ads = openAds(caller(good), node);
    expect(await ads.ended).toMatchObject({ code: status.PERMISSION_DENIED });
    expect([ads.responses(), ads.clusters.size]).toEqual([0, 0]);
    ads.close();
  });
});

describe('thousands of bad tokens over one connection', () => {
  it('are refused unseen after a while; others are served meanwhile; the log stays short and has none of them', async () => {
    const { address, roots } = caller(undefined);
    const client = new Client(address, credentials.createSsl(Buffer.from(roots)), {
      'grpc.ssl_target_name_override': CONTROL_PLANE_NAME,
      'grpc.use_local_subchannel_pool': 1,
    });
    const { path, requestSerialize, responseDeserialize } = CA_SERVICE.CreateCertificate;
    const csr = createCsr({ ...(await createKeyPair()), uri: SHOP });
    const guess = (i: number): Promise<status> => {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer guess-number-${i}`);
      return new Promise((resolve) => {
        const done = (error: ServiceError | null): void => resolve(error?.code ?? status.OK);
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { csr }, metadata, done);
      });
    };
    const lines = mesh.log.length;
    const failures = await metric('citadel_server_authentication_failure_count');
    const codes = new Map<status, number>();
    for (let batch = 0; batch < 20; batch++) {
      const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => guess(batch * 100 + i)));
      for (const code of answers) codes.set(code, (codes.get(code) ?? 0) + 1);
      if (batch % 5 === 0) expect(await requestCertificate(caller(good), SHOP)).not.toHaveLength(0);
    }
    client.close();
    expect([...codes.keys()].sort((a, b) => a - b)).toEqual([status.RESOURCE_EXHAUSTED, status.UNAUTHENTICATED]);
    expect(codes.get(status.RESOURCE_EXHAUSTED)).toBeGreaterThan(1500);
    expect(await metric('citadel_server_authentication_failure_count')).toBe(failures + 2000);
    const said = mesh.log.slice(lines);
    expect(said.length).toBeLessThan(20);
    // Once in ten seconds: the line may have come with a token before.
    expect(mesh.log.join('\n')).toContain('"reason":"the token is malformed"');
    expect(said.join('\n')).not.toContain('guess-number');
  });
});
