import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createCsr, parseCsr } from './csr.js';
import { createKeyPair, weaknessOf } from './keys.js';
import { fromPem, toPem } from './pem.js';

const URI = 'spiffe://cluster.local/ns/default/sa/reviews';
const openssl = spawnSync('openssl', ['version']).status === 0;

describe('certificate requests', () => {
  it('carry the URI and verify with their own key', async () => {
    const keys = await createKeyPair();
    const parsed = parseCsr(createCsr({ ...keys, uri: URI }));
    expect(parsed).toMatchObject({ uris: [URI], dnsNames: [], otherNames: 0, emptySubject: true });
    expect(parsed.publicKey.equals(keys.publicKey)).toBe(true);
  });

  it.skipIf(!openssl)('are what openssl takes for one', async () => {
    const csr = createCsr({ ...(await createKeyPair()), uri: URI });
    const text = execFileSync('openssl', ['req', '-verify', '-noout', '-text'], {
      input: csr,
      encoding: 'utf8',
      stdio: 'pipe',
    });
    expect(text).toContain(`URI:${URI}`);
    expect(text).toMatch(/Alternative Name: critical/);
  });

  it.skipIf(!openssl)('of openssl are read, whatever else they ask for', () => {
    const csr = execFileSync(
      'openssl',
      [
        'req',
        '-new',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        '/dev/null',
        '-subj',
        '/O=x',
        '-addext',
        `subjectAltName=URI:${URI},DNS:a.b,IP:127.0.0.1`,
      ],
      { encoding: 'utf8', stdio: 'pipe' },
    );
    expect(parseCsr(csr)).toMatchObject({ uris: [URI], dnsNames: ['a.b'], otherNames: 1, emptySubject: false });
  });

  it('signed by another key are refused', async () => {
    const [one, other] = await Promise.all([createKeyPair(), createKeyPair()]);
    const csr = createCsr({ publicKey: one.publicKey, privateKey: other.privateKey, uri: URI });
    expect(() => parseCsr(csr)).toThrow('signature does not fit');
  });

  it('changed by a single bit are refused, or still ask for what was signed', async () => {
    const csr = createCsr({ ...(await createKeyPair()), uri: URI });
    const [der = Buffer.alloc(0)] = fromPem('CERTIFICATE REQUEST', csr);
    let refused = 0;
    for (let i = 0; i < der.length; i++) {
      const changed = Buffer.from(der);
      changed[i] = (changed[i] ?? 0) ^ 1;
      try {
        expect(parseCsr(toPem('CERTIFICATE REQUEST', changed)), `octet ${i}`).toEqual(parseCsr(csr));
      } catch (error) {
        if (error instanceof Error && error.name === 'AssertionError') throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(der.length - 10);
  });

  it.each([
    '',
    'nothing',
    '-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----',
    toPem('CERTIFICATE REQUEST', Buffer.from('3000', 'hex')),
  ])('that are none are refused: %j', (pem) => {
    expect(() => parseCsr(pem)).toThrow(Error);
  });

  it('keys below P-256 and RSA 2048 are weak', () => {
    expect(weaknessOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)).toBeUndefined();
    expect(weaknessOf(generateKeyPairSync('ec', { namedCurve: 'secp224r1' }).publicKey)).toContain('secp224r1');
    expect(weaknessOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)).toContain('1024');
    expect(weaknessOf(generateKeyPairSync('ed25519').publicKey)).toBeUndefined();
    expect(weaknessOf(generateKeyPairSync('ed448').publicKey)).toContain('ed448');
  });
});
