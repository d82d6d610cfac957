import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { buildCertificate, buildRootCertificate, type Signer } from '../../common/identity/certificate.js';
import { createKeyPair, KEY_KINDS, type KeyKind, privateKeyPem } from '../../common/identity/keys.js';
import { systemClock } from '../../common/runtime/clock.js';
import { Issuer } from '../../control-plane/ca/issuer.js';
import { makeRoot } from '../../control-plane/ca/root.js';
import { authorityOf } from '../../control-plane/ca/root-state.js';
import { program } from './programs.js';

const check = program('x509check');
const ID = 'spiffe://cluster.local/ns/default/sa/reviews';
const TTL = { defaultTtlSeconds: 3600, maxTtlSeconds: 3600 };

interface Input {
  readonly trustDomain?: string;
  readonly bundle: string;
  readonly svids: readonly string[];
  readonly others?: readonly string[];
}

/** Every finding of go-spiffe and zlint, or the line that says that there is none. */
function findings(input: Input): string {
  const text = JSON.stringify({ trustDomain: 'cluster.local', others: [], ...input });
  return spawnSync(check!, { input: text, encoding: 'utf8' }).stdout;
}

async function issuerOf(keyKind: KeyKind): Promise<Issuer> {
  const { pem, privateKey } = await makeRoot({ organization: 'cluster.local', keyKind }, systemClock);
  const signer = { certificate: pem, privateKey: privateKeyPem(privateKey) };
  return new Issuer(authorityOf({ signer }, 'test', Date.now()), TTL, systemClock);
}

describe.skipIf(check === undefined)('go-spiffe and zlint (skipped where there is no Go)', () => {
  it.each(KEY_KINDS)(
    'take a root of %s, and certificates for every kind of key below it',
    async (kind) => {
      const issuer = await issuerOf(kind);
      const svids = await Promise.all(
        KEY_KINDS.map(async (leaf) => issuer.issue((await createKeyPair(leaf)).publicKey, { uris: [ID] }, 0).chain[0]),
      );
      const names = { dnsNames: ['istiod.istio-system.svc', 'localhost'], addresses: ['127.0.0.1', '::1'] };
      const [server] = issuer.issue((await createKeyPair()).publicKey, names, 0).chain;
      expect(findings({ bundle: issuer.authority.roots, svids, others: [server] })).toBe('8 certificates are fine\n');
    },
    120_000,
  );

  it('take a chain with an intermediate', async () => {
    const { authority } = await issuerOf('P-256');
    const between = await createKeyPair('P-384');
    const life = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
    const pem = buildRootCertificate({
      publicKey: between.publicKey,
      privateKey: between.privateKey,
      organization: 'between',
      ...life,
      issuer: authority,
    });
    const issuer = new Issuer(
      {
        ...authority,
        privateKey: between.privateKey,
        certificate: new X509Certificate(pem),
        intermediates: [pem],
      },
      TTL,
      systemClock,
    );
    const [leaf] = issuer.issue((await createKeyPair()).publicKey, { uris: [ID] }, 0).chain;
    expect(findings({ bundle: authority.roots, svids: [leaf + pem] })).toBe('2 certificates are fine\n');
  });

  it('find what is wrong, so that their silence says something', async () => {
    const issuer = await issuerOf('P-256');
    const other = await issuerOf('P-256');
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const [foreign] = other.issue(publicKey, { uris: [ID] }, 0).chain;
    const life = { notBefore: Date.now(), notAfter: Date.now() + 3_600_000 };
    const signer: Signer = {
      privateKey: issuer.authority.privateKey as KeyObject,
      certificate: issuer.authority.certificate,
    };
    const twice = buildCertificate({ publicKey, names: { uris: [ID, `${ID}2`] }, ...life, signer });
    const told = findings({ bundle: issuer.authority.roots, svids: [foreign, twice] });
    expect(told).toMatch(/svid 0: .*unknown authority/);
    expect(told).toMatch(/svid 1: .*more than one URI/);
  });
});
