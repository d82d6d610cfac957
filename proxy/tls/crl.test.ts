import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { plainDialer } from '../upstream/dialer.js';
import type { UpstreamTls } from './context.js';
import { TlsDialer } from './dialer.js';
import { SecretStore } from './secrets.js';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

const CONFIG = `[ca]
default_ca = d
[d]
database = index.txt
crlnumber = crlnumber
default_md = sha256
default_crl_days = 30
`;

/** A root, two servers below it, and the list that revokes the second. */
function makeFiles(dir: string): void {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
  };
  writeFileSync(join(dir, 'ca.cnf'), CONFIG);
  writeFileSync(join(dir, 'index.txt'), '');
  writeFileSync(join(dir, 'crlnumber'), '01\n');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=root', '-days', '30');
  for (const name of ['good', 'bad']) {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      `${name}.pem`,
      '-days',
      '30',
    );
  }
  openssl('ca', '-config', 'ca.cnf', '-keyfile', 'ca.key', '-cert', 'ca.pem', '-revoke', 'bad.pem');
  openssl('ca', '-config', 'ca.cnf', '-keyfile', 'ca.key', '-cert', 'ca.pem', '-gencrl', '-out', 'crl.pem');
}

describe.skipIf(!hasOpenssl)('revocation lists (skipped without the openssl program)', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'weft-crl-'));
    makeFiles(dir);
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const read = (name: string): string => readFileSync(join(dir, name), 'utf8');

  /** `ready`, or why not. */
  async function dial(server: string, tls: UpstreamTls, secrets = new SecretStore()): Promise<string> {
    const listener = createServer({ cert: read(`${server}.pem`), key: read(`${server}.key`) });
    listener.on('connection', (socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    const dialer = new TlsDialer({ plain: plainDialer(systemClock), secrets, clock: systemClock });
    const outcome = await new Promise<string>((resolve) => {
      const socket = dialer.connect(
        { ip: '127.0.0.1', port },
        tls,
        { connectTimeoutMs: 10_000, keepAlive: undefined },
        {
          onReady: () => {
            socket.destroy();
            resolve('ready');
          },
          onFailed: (_reason, detail) => resolve(detail),
        },
      );
    });
    listener.close();
    return outcome;
  }

  const tls = (validation: Partial<UpstreamTls['validation']>): UpstreamTls => ({
    parameters: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', ciphers: undefined },
    certificate: { kind: 'none' },
    validation: { roots: { kind: 'inline', pem: read('ca.pem') }, subjectAltNames: [], ...validation },
    sni: '',
    alpn: [],
  });

  it('refuses a revoked server, and only that', async () => {
    const revoking = tls({ crl: read('crl.pem') });
    expect(await dial('good', revoking)).toBe('ready');
    expect(await dial('bad', revoking)).toMatch(/revoked/i);
    expect(await dial('bad', tls({}))).toBe('ready');
  });

  it('takes the list that comes with roots of a secret', async () => {
    const secrets = new SecretStore();
    secrets.set('ads:roots', { kind: 'roots', pem: read('ca.pem'), crl: read('crl.pem') });
    const bySecret = tls({ roots: { kind: 'sds', name: 'ads:roots' } });
    expect(await dial('good', bySecret, secrets)).toBe('ready');
    expect(await dial('bad', bySecret, secrets)).toMatch(/revoked/i);
  });
});
