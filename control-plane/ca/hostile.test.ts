import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServerUnaryCall, status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCsr } from '../../common/identity/csr.js';
import { decode, encode, sequence } from '../../common/identity/der.js';
import { createKeyPairSync } from '../../common/identity/keys.js';
import { toPem } from '../../common/identity/pem.js';
import { systemClock } from '../../common/runtime/clock.js';
import { ClientGuard } from './client-guard.js';
import { Issuer } from './issuer.js';
import { loadRootCa, type RootCa } from './root.js';
import { CaService } from './service.js';

const OWN = 'spiffe://cluster.local/ns/default/sa/reviews';
const openssl = spawnSync('openssl', ['version']).status === 0;
const log = pino({ level: 'silent' });
const none = (): void => {};
const events = {
  requested: none,
  authenticationFailed: none,
  csrUnreadable: none,
  identityRefused: none,
  signFailed: none,
  issued: none,
};
const folder = mkdtempSync(join(tmpdir(), 'weft-hostile-'));
let root: RootCa;
let issuer: Issuer;
let ca: CaService;

beforeAll(async () => {
  root = await loadRootCa({ stateDir: folder, organization: 'cluster.local' }, systemClock, log);
  issuer = new Issuer(root, { defaultTtlSeconds: 86_400, maxTtlSeconds: 172_800 }, systemClock);
  const verifier = { verify: () => Promise.resolve({ namespace: 'default', serviceAccount: 'reviews' }) };
  ca = new CaService({
    issuer,
    verifier,
    guard: new ClientGuard(systemClock, log),
    trustDomains: () => ['cluster.local'],
    events,
    log,
  });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The first certificate, or the status of the refusal. */
function ask(csr: string): Promise<string> {
  const call = { request: { csr }, metadata: { get: () => ['Bearer x'] }, getPeer: () => 'test' };
  const create = ca.handlers()['CreateCertificate'] as (
    call: ServerUnaryCall<object, object>,
    done: (error: { code: status } | null, value?: { cert_chain?: string[] }) => void,
  ) => void;
  return new Promise((done) =>
    create(call as never, (error, value) => done(error === null ? (value?.cert_chain?.[0] ?? '') : status[error.code])),
  );
}

/** A request made by openssl, for what we would never make ourselves. */
function opensslCsr(...extensions: string[]): string {
  const args = [
    'req',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    '/dev/null',
  ];
  const added = extensions.flatMap((extension) => ['-addext', extension]);
  return execFileSync('openssl', [...args, '-subj', '/O=evil/CN=istiod.istio-system.svc', ...added], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

describe.skipIf(!openssl)('a request that asks for more than an identity', () => {
  it.each([
    ['to be an authority', ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']],
    ['to sign code', ['extendedKeyUsage=codeSigning,anyExtendedKeyUsage']],
    ['to be exempt from names', ['nameConstraints=permitted;DNS:example.org', 'tlsfeature=status_request']],
  ])('%s: gets an identity and nothing more', async (_what, extensions) => {
    const certificate = new X509Certificate(await ask(opensslCsr(`subjectAltName=URI:${OWN}`, ...extensions)));
    expect(certificate.subject ?? '').toBe('');
    expect(certificate.subjectAltName).toBe(`URI:${OWN}`);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    const text = execFileSync('openssl', ['x509', '-noout', '-text'], {
      input: certificate.toString(),
      encoding: 'utf8',
    });
    expect(text.match(/X509v3 [A-Z][^:\n]+:/g)?.sort()).toEqual(
      [
        'Authority Key Identifier',
        'Basic Constraints',
        'Extended Key Usage',
        'Key Usage',
        'Subject Alternative Name',
        'Subject Key Identifier',
      ].map((name) => `X509v3 ${name}:`),
    );
  });

  it.each([
    ['a name of the control plane', `subjectAltName=URI:${OWN},DNS:istiod.istio-system.svc`],
    ['an address', `subjectAltName=URI:${OWN},IP:127.0.0.1`],
    ['an e-mail address', `subjectAltName=email:root@example.org,URI:${OWN}`],
    ['a second identity', `subjectAltName=URI:${OWN},URI:${OWN}-v2`],
    ['an identity that only begins like its own', `subjectAltName=URI:${OWN}/x`],
  ])('%s: is refused', async (_what, names) => {
    expect(await ask(opensslCsr(names))).toBe('PERMISSION_DENIED');
  });
});

describe('a request that is malformed', () => {
  const nested = (levels: number): Buffer => {
    let der = Buffer.from('0500', 'hex');
    for (let i = 0; i < levels; i++) {
      const { length } = der;
      const head =
        length < 128 ? [0x30, length] : length < 256 ? [0x30, 0x81, length] : [0x30, 0x82, length >> 8, length & 255];
      der = Buffer.concat([Buffer.from(head), der]);
    }
    return der;
  };
  it.each([
    ['sequences ten thousand deep', () => nested(10_000)],
    ['a length beyond its end', () => Buffer.from('3084ffffffff00', 'hex')],
    ['an indefinite length', () => Buffer.from('3080020100', 'hex')],
    ['something after its end', () => Buffer.concat([encode(sequence()), Buffer.from('00')])],
    ['no bytes', () => Buffer.alloc(0)],
  ])('%s: is refused at once', async (_what, der) => {
    const started = performance.now();
    expect(await ask(toPem('CERTIFICATE REQUEST', der()))).toBe('INVALID_ARGUMENT');
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('two requests in one are refused', async () => {
    const csr = createCsr({ ...createKeyPairSync(), uri: OWN });
    expect(await ask(csr + csr)).toBe('INVALID_ARGUMENT');
  });

  it('a key whose curve is written out instead of named is refused', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' });
    expect(decode(publicKey.export({ type: 'spki', format: 'der' }))).toBeDefined();
    expect(await ask(createCsr({ publicKey, privateKey, uri: OWN }))).toBe('INVALID_ARGUMENT');
  });
});

const strong: [string, () => { publicKey: KeyObject; privateKey: KeyObject }][] = [
  ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ['P-521', () => generateKeyPairSync('ec', { namedCurve: 'P-521' })],
  ['RSA 2048', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['Ed25519', () => generateKeyPairSync('ed25519')],
];

describe.skipIf(!openssl)('certificates of every kind pass openssl verify', () => {
  function verify(pem: string, ...args: string[]): string {
    const path = join(folder, 'certificate.pem');
    writeFileSync(path, pem);
    return execFileSync('openssl', ['verify', '-x509_strict', ...args, '-CAfile', root.path, path], {
      encoding: 'utf8',
    });
  }

  it.each(strong)('of a workload, for a key of %s', async (_what, keys) => {
    const pem = await ask(createCsr({ ...keys(), uri: OWN }));
    expect(verify(pem, '-purpose', 'sslserver')).toContain('OK');
    expect(verify(pem, '-purpose', 'sslclient')).toContain('OK');
  });

  it('of the control plane itself, by name and by address', () => {
    const names = { dnsNames: ['localhost', 'istiod.istio-system.svc'], addresses: ['127.0.0.1', '::1'] };
    const [pem] = issuer.issue(createKeyPairSync().publicKey, names, 0).chain;
    for (const name of names.dnsNames) expect(verify(pem, '-verify_hostname', name)).toContain('OK');
    for (const address of names.addresses) expect(verify(pem, '-verify_ip', address)).toContain('OK');
  });

  it('of the root', () => {
    expect(verify(root.pem)).toContain('OK');
  });

  it('and none of them may sign another', async () => {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const parent = await ask(createCsr({ ...keys, uri: OWN }));
    const child = new Issuer(
      { ...root, privateKey: keys.privateKey, certificate: new X509Certificate(parent) },
      { defaultTtlSeconds: 60, maxTtlSeconds: 60 },
      systemClock,
    ).issue(createKeyPairSync().publicKey, { uris: [OWN] }, 0);
    const between = join(folder, 'between.pem');
    writeFileSync(between, parent);
    expect(() => verify(child.chain[0], '-untrusted', between)).toThrow(/invalid CA|verification failed/i);
  });
});
