import type { ConnectionOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Signer } from '../../../common/identity/certificate.js';
import { answer } from '../../support/scripted-upstream.js';
import { get, SidecarPair } from '../sidecar/pair.js';
import { authorityLeaf, foreignAuthority, leaf, overTls, stolenAuthority } from './forger.js';

const STRICT = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
`;
const CLIENT = 'spiffe://cluster.local/ns/default/sa/client';
const ADMIN = 'spiffe://cluster.local/ns/default/sa/admin';
const HOUR = 3_600_000;

const pair = new SidecarPair();
let mesh: Signer;
beforeAll(async () => {
  await pair.start(STRICT);
  mesh = stolenAuthority(pair.mesh.state);
});
afterAll(() => pair.dispose());

type Counter =
  | 'no_filter_chain_match'
  | 'ssl.connection_error'
  | 'ssl.fail_verify_no_cert'
  | 'ssl.fail_verify_error'
  | 'ssl.fail_verify_san';

/** Every counter of refused connections of the server's inbound listeners, summed. */
async function counters(): Promise<Record<string, number>> {
  const text = await pair.admin('shop', '/stats?filter=no_filter_chain_match|ssl\\.');
  const sums: Record<string, number> = {};
  for (const [, name = '', count] of text.matchAll(/^listener\..*?\.(no_filter_chain_match|ssl\.\w+): (\d+)$/gm)) {
    sums[name] = (sums[name] ?? 0) + Number(count);
  }
  return sums;
}

const ALPN = { ALPNProtocols: ['istio', 'http/1.1'] };
const WEAK = '@SECLEVEL=0';

interface Attempt {
  readonly what: string;
  readonly with: () => ConnectionOptions | Promise<ConnectionOptions>;
  readonly counted: Counter;
}

const TRIES: readonly Attempt[] = [
  {
    what: 'a self-signed certificate',
    with: () => {
      const own = foreignAuthority();
      return { cert: own.certificate.toString(), key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }) };
    },
    counted: 'ssl.fail_verify_error',
  },
  {
    what: 'a certificate of another mesh’s root, of the same names',
    with: () => leaf(foreignAuthority(), [CLIENT]),
    counted: 'ssl.fail_verify_error',
  },
  {
    what: 'another mesh’s certificate, with that root sent along',
    with: () => {
      const other = foreignAuthority();
      const { cert, key } = leaf(other, [CLIENT]);
      return { cert: cert + other.certificate.toString(), key };
    },
    counted: 'ssl.fail_verify_error',
  },
  {
    what: 'an expired certificate',
    with: () => leaf(mesh, [CLIENT], [-2 * HOUR, -HOUR]),
    counted: 'ssl.fail_verify_error',
  },
  {
    what: 'a certificate that is not valid yet',
    with: () => leaf(mesh, [CLIENT], [HOUR, 2 * HOUR]),
    counted: 'ssl.fail_verify_error',
  },
  {
    what: 'another trust domain’s URI',
    with: () => leaf(mesh, ['spiffe://evil.test/ns/default/sa/client']),
    counted: 'ssl.fail_verify_san',
  },
  {
    what: 'a URI that only begins like the trust domain',
    with: () => leaf(mesh, ['spiffe://cluster.local.evil.test/ns/default/sa/client']),
    counted: 'ssl.fail_verify_san',
  },
  { what: 'no URI', with: () => leaf(mesh, []), counted: 'ssl.fail_verify_san' },
  {
    what: 'a URI that is no SPIFFE ID',
    with: () => leaf(mesh, ['https://cluster.local/']),
    counted: 'ssl.fail_verify_san',
  },
  { what: 'a second identity', with: () => leaf(mesh, [CLIENT, ADMIN]), counted: 'ssl.fail_verify_san' },
  {
    what: 'a second URI of another kind in front',
    with: () => leaf(mesh, ['https://cluster.local/', CLIENT]),
    counted: 'ssl.fail_verify_san',
  },
  {
    what: 'an authority’s certificate with a workload’s URI',
    with: () => authorityLeaf(pair.mesh.state, pair.mesh.folder, CLIENT),
    counted: 'ssl.fail_verify_error',
  },
  {
    what: 'a certificate that a workload signed with its own',
    with: () => {
      const workload = leaf(mesh, [CLIENT]);
      const { cert, key } = leaf(workload.own, [ADMIN]);
      return { cert: cert + workload.cert, key };
    },
    counted: 'ssl.fail_verify_error',
  },
  { what: 'no certificate', with: () => ({}), counted: 'ssl.fail_verify_no_cert' },
  {
    what: 'TLS 1.1',
    with: () => ({ ...leaf(mesh, [CLIENT]), minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: `ALL:${WEAK}` }),
    counted: 'ssl.connection_error',
  },
  ...[
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-SHA384',
    'ECDHE-ECDSA-NULL-SHA',
    'AES128-GCM-SHA256',
    'AECDH-AES128-SHA',
  ].map(
    (cipher): Attempt => ({
      what: `the cipher ${cipher}`,
      with: () => ({ ...leaf(mesh, [CLIENT]), maxVersion: 'TLSv1.2', ciphers: `${cipher}:${WEAK}` }),
      counted: 'ssl.connection_error',
    }),
  ),
];

describe('at a server under STRICT', () => {
  it('a client of the mesh is served', async () => {
    pair.app.reset(() => answer(200, 'ok'));
    const { text } = await overTls(
      pair.ports.inbound,
      { ...ALPN, ...leaf(mesh, [CLIENT]) },
      get('/', 'Connection: close'),
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  it.each(TRIES)('$what gets nothing, and is counted', async (attempt) => {
    pair.app.reset(() => answer(200, 'ok'));
    const before = await counters();
    const options = { ...ALPN, ...(await attempt.with()) };
    const { text, error } = await overTls(pair.ports.inbound, options, get('/', 'Connection: close'));
    expect(text).toBe('');
    expect(error).not.toMatch(/NO_CIPHERS|no cipher match/i);
    expect(pair.app.connections).toBe(0);
    await pair.mesh.until(
      'the counter',
      async () => {
        const after = await counters();
        const risen = Object.keys(after).filter((name) => after[name] !== before[name]);
        expect(risen).toEqual([attempt.counted]);
      },
      2000,
    );
  });

  it.each([
    ['plaintext', get()],
    ['plaintext HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['bytes that look like TLS', '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00'],
  ])('%s gets nothing, and is counted', async (_what, bytes) => {
    const before = await counters();
    const { responses, rest, received } = await pair.run({ to: 'server', send: [bytes, 'end'], responses: 0 });
    expect([responses, rest, received, pair.app.connections]).toEqual([[], '', [], 0]);
    const after = await counters();
    expect(after['no_filter_chain_match']).toBe((before['no_filter_chain_match'] ?? 0) + 1);
  });

  it('the log says why, when it is asked for details', async () => {
    const logging = `http://127.0.0.1:${pair.ports.shopAdmin}/logging?level=`;
    await fetch(`${logging}debug`, { method: 'POST' });
    await overTls(pair.ports.inbound, { ...ALPN, ...leaf(mesh, [CLIENT, ADMIN]) }, get());
    await pair.mesh.until('the line', async () => {
      expect(pair.mesh.log.join('\n')).toMatch(/"detail":"[^"]*more than one URI SAN.*connection refused/);
    });
    await fetch(`${logging}info`, { method: 'POST' });
    expect(pair.mesh.log.join('\n')).not.toMatch(/BEGIN (EC |)PRIVATE KEY/);
  });

  it('a renegotiation is refused, and changes nobody’s identity', async () => {
    pair.app.reset(() => answer(200, 'ok'));
    let refused: Error | null | undefined;
    const tls12 = { ...ALPN, ...leaf(mesh, [CLIENT]), maxVersion: 'TLSv1.2' } as const;
    await overTls(pair.ports.inbound, tls12, '', (socket) => {
      socket.renegotiate({ rejectUnauthorized: false }, (error) => {
        refused = error;
        socket.destroy();
      });
      socket.setTimeout(2000, () => socket.destroy());
    });
    expect(refused).not.toBeNull();
    expect(pair.app.received).toEqual([]);
  });
});
