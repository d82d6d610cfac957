import { type AddressInfo, connect, createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { SECRET_ROOT } from '../../common/xds/names.js';
import { TlsTerminator } from './terminator.js';
import { meshTls, TestCa } from './testing.js';

const own = new TestCa('own');
const foreign = new TestCa('foreign');
const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const close of cleanup.splice(0).reverse()) close();
});

/** Who the server takes a client for, or why it refuses it. */
async function askAs(ca: TestCa, uri: string): Promise<string> {
  const secrets = own.secretsOf('spiffe://cluster.local/ns/default/sa/server');
  secrets.set(SECRET_ROOT, { kind: 'roots', pem: own.pem, federated: new Map([['partner.test', foreign.pem]]) });
  const terminator = new TlsTerminator(meshTls(), { secrets, clock: systemClock, alpn: [], handshakeTimeoutMs: 5000 });
  const verdict = new Promise<string>((resolve) => {
    const server = createServer({ pauseOnConnect: true }, (raw) => {
      terminator.accept(raw, undefined, {
        onSecure: (socket, peer) => {
          resolve(peer.uriSan ?? 'nobody');
          socket.end();
        },
        onFailed: resolve,
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const { certificateChain: cert, privateKey: key } = ca.issue(uri);
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      const secure = connectTls({ socket, cert, key, ca: own.pem, checkServerIdentity: () => undefined });
      secure.on('error', () => {});
      secure.resume();
    });
    cleanup.push(
      () => server.close(),
      () => terminator.close(),
    );
  });
  return verdict;
}

describe('a mesh that is federated with another', () => {
  it.each([
    ['its own workloads', own, 'spiffe://cluster.local/ns/default/sa/a'],
    ['the other one’s workloads', foreign, 'spiffe://partner.test/ns/default/sa/a'],
  ])('takes %s', async (_who, ca, uri) => expect(await askAs(ca, uri)).toBe(uri));

  it.each([
    ['our names by the other root', foreign, 'spiffe://cluster.local/ns/default/sa/a', 'cluster.local'],
    ['the other’s names by our root', own, 'spiffe://partner.test/ns/default/sa/a', 'partner.test'],
    ['a third domain by the other root', foreign, 'spiffe://third.test/ns/default/sa/a', 'third.test'],
  ])('refuses %s', async (_what, ca, uri, domain) => {
    expect(await askAs(ca, uri)).toContain(`no root of the trust domain ${domain} vouches for it`);
  });
});
