import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FieldMesh, serviceOf } from '../support/field-mesh.js';
import { jwks, makeToken } from '../support/tokens.js';

/** Keys of an issuer by HTTP; undefined is an issuer that is out of order. */
let keys: string | undefined = jwks(['rsa']);
let server: Server;
const field = new FieldMesh();
const OLD = makeToken({ claims: { iss: 'me', sub: 'alice' } });
const NEW = makeToken({ key: 'other', claims: { iss: 'me', sub: 'alice' } });

beforeAll(async () => {
  process.env['PILOT_JWT_PUB_KEY_REFRESH_INTERVAL'] = '1s';
  server = createServer((_request, response) => response.writeHead(keys === undefined ? 503 : 200).end(keys));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const policies = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: shop, namespace: default}
spec: {selector: {matchLabels: {app: shop}}, jwtRules: [{issuer: me, jwksUri: "http://127.0.0.1:${port}/keys"}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: shop, namespace: default}
spec: {selector: {matchLabels: {app: shop}}, rules: [{from: [{source: {requestPrincipals: [me/alice]}}]}]}
`;
  const workloads = [
    { name: 'client', labels: { app: 'client' } },
    { name: 'shop', labels: { app: 'shop' } },
  ];
  await field.start(workloads, { 'services.yaml': serviceOf('shop'), 'policies.yaml': policies });
});
afterAll(async () => {
  delete process.env['PILOT_JWT_PUB_KEY_REFRESH_INTERVAL'];
  server.close();
  await field.dispose();
});

async function status(token?: string): Promise<number> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return (await field.call({ host: 'shop', headers })).status;
}

async function becomes(token: string, wanted: number): Promise<void> {
  await field.mesh.until(`an answer of ${wanted}`, async () => {
    const found = await status(token);
    if (found !== wanted) throw new Error(`it is ${found}`);
  });
}

/** What `weft analyze` says about the keys. */
async function complaints(): Promise<string[]> {
  return (await field.mesh.findings()).filter(({ code }) => code === 'WEFT0232').map(({ message }) => message);
}

describe('tokens whose keys an issuer gives', () => {
  it('are asked for, and checked', async () => {
    await becomes(OLD, 200);
    expect(await status()).toBe(403);
    expect(await status(NEW)).toBe(401);
    expect(await status(makeToken({ claims: { iss: 'me', sub: 'bob' } }))).toBe(403);
  });

  it('are checked with the keys that were had while the issuer is down, and that is told', async () => {
    keys = undefined;
    await field.mesh.until('a finding', async () => {
      if ((await complaints()).length === 0) throw new Error('nothing is said');
    });
    expect((await complaints()).join()).toMatch(/503.*stay in use/);
    expect(await status(OLD)).toBe(200);
  });

  it('change with the keys, the old ones too', async () => {
    keys = jwks(['rsa', 'other']);
    await becomes(NEW, 200);
    expect(await status(OLD)).toBe(200);
    keys = jwks(['other']);
    await becomes(OLD, 401);
    expect(await status(NEW)).toBe(200);
    expect(await complaints()).toEqual([]);
  });
});
