import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, Metadata, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { SignJWT } from 'jose';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCsr } from '../../common/identity/csr.js';
import { createKeyPairSync } from '../../common/identity/keys.js';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { ClientGuard } from './client-guard.js';
import { Issuer } from './issuer.js';
import { loadRootCa, type RootCa } from './root.js';
import { CA_SERVICE, CaService } from './service.js';
import { issueToken, LocalTokenVerifier, loadTokenKey } from './tokens.js';

const OWN = 'spiffe://cluster.local/ns/default/sa/reviews';
const openssl = spawnSync('openssl', ['version']).status === 0;
const logged: string[] = [];
const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) });
const none = (): void => {};
const events = {
  requested: none,
  authenticationFailed: none,
  csrUnreadable: none,
  identityRefused: none,
  signFailed: none,
  issued: none,
};

let folder: string;
let root: RootCa;
let key: KeyObject;
let server: Server;
let client: Client;

/** Every refusal is the first of its kind. */
const forgetful: Clock = {
  ...systemClock,
  after: (_ms, run) => {
    setImmediate(run);
    return { cancel: () => undefined };
  },
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-ca-'));
  root = await loadRootCa({ stateDir: folder, organization: 'cluster.local' }, systemClock, log);
  key = await loadTokenKey(folder, log);
  const issuer = new Issuer(root, { defaultTtlSeconds: 86_400, maxTtlSeconds: 172_800 }, systemClock);
  const verifier = new LocalTokenVerifier(key, systemClock);
  const ca = new CaService({
    issuer,
    verifier,
    guard: new ClientGuard(forgetful, log),
    trustDomains: () => ['cluster.local', 'old.example'],
    events,
    log,
  });
  server = new Server();
  server.addService(CA_SERVICE, ca.handlers());
  const port = await new Promise<number>((done, fail) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? done(bound) : fail(error),
    ),
  );
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterAll(async () => {
  client.close();
  server.forceShutdown();
  await rm(folder, { recursive: true, force: true });
});

const reviews = { namespace: 'default', serviceAccount: 'reviews' };
const goodToken = (): Promise<string> => issueToken(key, { ...reviews, ttlSeconds: 60 }, systemClock);
const csrFor = (uri: string): string => createCsr({ ...createKeyPairSync(), uri });

function create(csr: string, token: string | undefined, validity = 0): Promise<readonly string[]> {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const { path, requestSerialize, responseDeserialize } = CA_SERVICE.CreateCertificate;
  return new Promise((done, fail) => {
    const request = { csr, validity_duration: validity };
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (error, response) =>
      error === null ? done(response?.cert_chain ?? []) : fail(error),
    );
  });
}

/** A token that is right but for the given claims. */
function forge(change: (jwt: SignJWT) => SignJWT, signer: KeyObject = key): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const jwt = new SignJWT({})
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer('weft-local')
    .setAudience('istio-ca')
    .setSubject('system:serviceaccount:default:reviews')
    .setExpirationTime(now + 60);
  return change(jwt).sign(signer);
}

describe('CreateCertificate', () => {
  it('answers with the certificate and its root', async () => {
    const [leaf = '', last] = await create(csrFor(OWN), await goodToken());
    expect(last).toBe(root.pem);
    const certificate = new X509Certificate(leaf);
    expect(certificate.subjectAltName).toBe(`URI:${OWN}`);
    expect(certificate.verify(root.certificate.publicKey)).toBe(true);
    expect(certificate.checkIssued(root.certificate)).toBe(true);
  });

  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const [one, other] = [createKeyPairSync(), createKeyPairSync()];
  it.each<[string, status, () => string, () => Promise<string | undefined>]>([
    ['no token', status.UNAUTHENTICATED, () => csrFor(OWN), async () => undefined],
    ['a token that is none', status.UNAUTHENTICATED, () => csrFor(OWN), async () => 'nonsense'],
    [
      'a token whose account would be an identity of another namespace',
      status.UNAUTHENTICATED,
      () => csrFor(`${OWN}/ns/admin/sa/root`),
      () => issueToken(key, { ...reviews, serviceAccount: 'reviews/ns/admin/sa/root', ttlSeconds: 60 }, systemClock),
    ],
    [
      'an expired token',
      status.UNAUTHENTICATED,
      () => csrFor(OWN),
      () => issueToken(key, { ...reviews, ttlSeconds: -60 }, systemClock),
    ],
    [
      'a token that holds only later',
      status.UNAUTHENTICATED,
      () => csrFor(OWN),
      () => forge((jwt) => jwt.setNotBefore(Math.floor(Date.now() / 1000) + 600)),
    ],
    [
      'a foreign token',
      status.UNAUTHENTICATED,
      () => csrFor(OWN),
      () => forge((jwt) => jwt, createKeyPairSync().privateKey),
    ],
    [
      'a token for another audience',
      status.UNAUTHENTICATED,
      () => csrFor(OWN),
      () => forge((jwt) => jwt.setAudience('other')),
    ],
    [
      'a token of another issuer',
      status.UNAUTHENTICATED,
      () => csrFor(OWN),
      () => forge((jwt) => jwt.setIssuer('other')),
    ],
    [
      'a token of no service account',
      status.UNAUTHENTICATED,
      () => csrFor(OWN),
      () => forge((jwt) => jwt.setSubject('somebody')),
    ],
    ['another account', status.PERMISSION_DENIED, () => csrFor(OWN.replace('reviews', 'ratings')), goodToken],
    ['another namespace', status.PERMISSION_DENIED, () => csrFor(OWN.replace('default', 'prod')), goodToken],
    ['another trust domain', status.PERMISSION_DENIED, () => csrFor(OWN.replace('cluster', 'evil')), goodToken],
    ['a request that is none', status.INVALID_ARGUMENT, () => 'nonsense', goodToken],
    ['an endless request', status.INVALID_ARGUMENT, () => 'x'.repeat(100_000), goodToken],
    ['a weak key', status.INVALID_ARGUMENT, () => createCsr({ ...weak, uri: OWN }), goodToken],
    [
      'a key that is somebody else’s',
      status.INVALID_ARGUMENT,
      () => createCsr({ publicKey: one.publicKey, privateKey: other.privateKey, uri: OWN }),
      goodToken,
    ],
  ])('refuses %s with a line that holds no secret', async (_what, code, csr, token) => {
    logged.length = 0;
    const sent = await token();
    await expect(create(csr(), sent)).rejects.toSatisfy((error: ServiceError) => error.code === code);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain(status[code]);
    if (sent !== undefined && sent.length > 20) expect(logged[0]).not.toContain(sent);
  });

  it.each([
    [0, 86_400],
    [3600, 3600],
    [1, 10],
    [9_999_999, 172_800],
  ])('a wish for %d s gets %d s', async (wish, seconds) => {
    const [leaf = ''] = await create(csrFor(OWN), await goodToken(), wish);
    const left = Date.parse(new X509Certificate(leaf).validTo) - Date.now();
    expect(left).toBeGreaterThan(seconds * 1000 - 5000);
    expect(left).toBeLessThanOrEqual(seconds * 1000 + 1000);
  });

  it('keeps a proxy its identity of an earlier trust domain', async () => {
    const earlier = OWN.replace('cluster.local', 'old.example');
    const [leaf = ''] = await create(csrFor(earlier), await goodToken());
    expect(new X509Certificate(leaf).subjectAltName).toBe(`URI:${earlier}`);
    const others = create(csrFor(earlier.replace('reviews', 'ratings')), await goodToken());
    await expect(others).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  });

  it('refuses a negative lifetime', async () => {
    await expect(create(csrFor(OWN), await goodToken(), -1)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('answers many at once', async () => {
    const token = await goodToken();
    const chains = await Promise.all(Array.from({ length: 100 }, () => create(csrFor(OWN), token)));
    expect(new Set(chains.map(([leaf = '']) => new X509Certificate(leaf).serialNumber)).size).toBe(100);
  });
});

describe('certificates', () => {
  const at = (now: () => number): Clock => ({ ...systemClock, now });

  it.skipIf(!openssl)('pass openssl verify, and have the profile of RFC 5280', async () => {
    const [leaf = ''] = await create(csrFor(OWN), await goodToken());
    const path = join(folder, 'leaf.pem');
    await writeFile(path, leaf);
    for (const purpose of ['sslclient', 'sslserver']) {
      const args = ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', root.path, path];
      expect(execFileSync('openssl', args, { encoding: 'utf8' })).toContain('OK');
    }
    const text = (file: string): string =>
      execFileSync('openssl', ['x509', '-in', file, '-noout', '-text'], { encoding: 'utf8' });
    const described = text(path);
    expect(described).toContain('Version: 3 (0x2)');
    expect(described).toMatch(/Subject: *\n/);
    expect(described).toMatch(/Key Usage: critical\s+Digital Signature\n/);
    expect(described).toMatch(/Extended Key Usage: *\s+TLS Web Server Authentication, TLS Web Client Authentication/);
    expect(described).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
    expect(described).toMatch(/Subject Alternative Name: critical\s+URI:spiffe/);
    expect(described).toMatch(/Subject Key Identifier/);
    const authority = text(root.path);
    expect(authority).toMatch(/Basic Constraints: critical\s+CA:TRUE/);
    expect(authority).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign/);
    const keyId = /Subject Key Identifier: *\s+(\S+)/.exec(authority)?.[1] ?? '-';
    expect(described).toMatch(new RegExp(`Authority Key Identifier: *\\s+(keyid:)?${keyId}`));
  });

  it('have positive serials of at most 20 octets, begin a little earlier and never outlive the root', () => {
    const end = Date.parse(root.certificate.validTo);
    const issuer = new Issuer(
      root,
      { defaultTtlSeconds: 86_400, maxTtlSeconds: 86_400 },
      at(() => end - 5000),
    );
    const { chain, notAfter } = issuer.issue(createKeyPairSync().publicKey, { uris: [OWN] }, 0);
    expect(notAfter).toBe(end);
    const certificate = new X509Certificate(chain[0]);
    expect(Date.parse(certificate.validTo)).toBe(end);
    expect(Date.parse(certificate.validFrom)).toBeLessThan(end - 60_000);
    expect(certificate.serialNumber).toMatch(/^[0-9A-F]{1,32}$/);
  });

  it('come from a root that is only ever replaced by hand', async () => {
    const again = await loadRootCa({ stateDir: folder, organization: 'cluster.local' }, systemClock, log);
    expect(again.pem).toBe(root.pem);
    const broken = await mkdtemp(join(folder, 'broken-'));
    const made = await loadRootCa({ stateDir: broken, organization: 'cluster.local' }, systemClock, log);
    await writeFile(made.path, root.pem);
    const load = loadRootCa({ stateDir: broken, organization: 'cluster.local' }, systemClock, log);
    await expect(load).rejects.toThrow('does not belong to the key');
  });
});
