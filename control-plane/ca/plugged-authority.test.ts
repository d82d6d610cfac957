import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeyPairSync } from '../../common/identity/keys.js';
import { systemClock } from '../../common/runtime/clock.js';
import { Issuer } from './issuer.js';
import { type AuthorityFiles, readPluggedAuthority, readRootAuthority } from './plugged-authority.js';

const openssl = spawnSync('openssl', ['version']).status === 0;

/** Authorities as `openssl` (and so Istio's own Makefile) makes them: an RSA root, one below it, one below that. */
describe.skipIf(!openssl)('an authority that the user brings', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-plugged-'));
  const run = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  let good: AuthorityFiles;

  function authority(name: string, issuer: string | undefined, days = '30', constraint = 'critical,CA:TRUE'): void {
    run(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/O=Acme/CN=${name}`,
    );
    writeFileSync(
      join(folder, 'ext'),
      `basicConstraints=${constraint}\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n`,
    );
    const by =
      issuer === undefined
        ? ['-signkey', `${name}.key`]
        : ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial'];
    run('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, '-days', days, '-extfile', 'ext', ...by);
  }

  beforeAll(() => {
    authority('root', undefined);
    authority('middle', 'root');
    authority('ca', 'middle');
    authority('other', undefined);
    authority('leaf', 'root', '30', 'critical,CA:FALSE');
    good = {
      'ca-cert.pem': read('ca.pem'),
      'ca-key.pem': read('ca.key'),
      'root-cert.pem': read('root.pem'),
      'cert-chain.pem': read('ca.pem') + read('middle.pem') + read('root.pem'),
    };
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('signs certificates that its root alone lets others verify', () => {
    const plugged = readPluggedAuthority(good, 'Secret istio-system/cacerts', Date.now());
    const options = { defaultTtlSeconds: 3600, maxTtlSeconds: 7200 };
    const issuer = new Issuer(plugged, options, systemClock);
    const uri = 'spiffe://cluster.local/ns/a/sa/b';
    const [leaf, ...rest] = issuer.issue(createKeyPairSync().publicKey, { uris: [uri] }, 0).chain;
    expect(rest.map((pem) => new X509Certificate(pem).subject)).toEqual([
      'O=Acme\nCN=ca',
      'O=Acme\nCN=middle',
      'O=Acme\nCN=root',
    ]);
    writeFileSync(join(folder, 'issued.pem'), leaf);
    writeFileSync(join(folder, 'between.pem'), rest.slice(0, -1).join(''));
    run('verify', '-x509_strict', '-CAfile', 'root.pem', '-untrusted', 'between.pem', 'issued.pem');
  });

  it('may be signed by its root without a chain, and keeps several roots', () => {
    const files = {
      'ca-cert.pem': read('middle.pem'),
      'ca-key.pem': read('middle.key'),
      'root-cert.pem': read('root.pem') + read('other.pem'),
    };
    const plugged = readPluggedAuthority(files, 'cacerts', Date.now());
    expect(plugged.intermediates).toHaveLength(1);
    expect(plugged.roots.match(/BEGIN/g)).toHaveLength(2);
  });

  it('may sign itself, and then sends nothing in between', () => {
    const files = { 'ca-cert.pem': read('root.pem'), 'ca-key.pem': read('root.key') };
    expect(readRootAuthority(files, 'weft-ca-secret', Date.now()).intermediates).toEqual([]);
  });

  it.each<[string, () => AuthorityFiles, RegExp]>([
    ['no key', () => ({ ...good, 'ca-key.pem': undefined }), /^cacerts cannot be used: ca-key\.pem is missing$/],
    ['a key that is none', () => ({ ...good, 'ca-key.pem': 'secret' }), /ca-key\.pem is no private key in PEM/],
    [
      'another key',
      () => ({ ...good, 'ca-key.pem': read('other.key') }),
      /ca-key\.pem does not belong to ca-cert\.pem/,
    ],
    ['no certificate', () => ({ ...good, 'ca-cert.pem': 'nothing' }), /ca-cert\.pem cannot be read: there is no PEM/],
    [
      'no authority',
      () => ({ ...good, 'ca-cert.pem': read('leaf.pem'), 'ca-key.pem': read('leaf.key'), 'cert-chain.pem': undefined }),
      /is no certificate authority/,
    ],
    [
      'another root',
      () => ({ ...good, 'root-cert.pem': read('other.pem') }),
      /is not signed by any certificate of root-cert\.pem/,
    ],
    [
      'a gap in the chain',
      () => ({ ...good, 'cert-chain.pem': read('ca.pem') }),
      /"O=Acme, CN=ca" is not signed by any/,
    ],
    [
      'a chain of others',
      () => ({ ...good, 'cert-chain.pem': read('other.pem') }),
      /"O=Acme, CN=ca" is not signed by the next/,
    ],
  ])('is refused with %s', (_name, files, reason) => {
    expect(() => readPluggedAuthority(files(), 'cacerts', Date.now())).toThrow(reason);
  });

  it('is refused after its end', () => {
    expect(() => readPluggedAuthority(good, 'cacerts', Date.now() + 31 * 86_400_000)).toThrow(
      /ca-cert\.pem has expired/,
    );
  });
});
