import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { TlsTerminator } from './terminator.js';
import { meshTls, TestCa } from './testing.js';

const ca = new TestCa();
const CLIENT = ca.issue('spiffe://cluster.local/ns/default/sa/client');
const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const close of cleanup.splice(0).reverse()) close();
});

/** A raw connection to `host` from a port of our choice; 0 is a free one. */
async function from(localPort: number, host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port, localPort, localAddress: '127.0.0.1' });
  cleanup.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

it.runIf(process.platform === 'linux')(
  'two connections from one port to two addresses of a listener keep their own identity',
  async () => {
    const terminator = new TlsTerminator(meshTls(), {
      secrets: ca.secretsOf('spiffe://cluster.local/ns/default/sa/server'),
      clock: systemClock,
      alpn: [],
      handshakeTimeoutMs: 5000,
    });
    const seen: [accepted: string | undefined, secured: string | undefined, name: string | undefined][] = [];
    const server = createServer({ pauseOnConnect: true }, (raw) => {
      const accepted = raw.localAddress;
      terminator.accept(
        raw,
        { serverName: accepted, alpn: [] },
        {
          onSecure: (socket, peer) => {
            seen.push([accepted, socket.localAddress, peer.sni]);
            socket.end();
          },
          onFailed: () => seen.push([accepted, undefined, undefined]),
        },
      );
    });
    server.listen(0, '0.0.0.0');
    await once(server, 'listening');
    cleanup.push(
      () => server.close(),
      () => terminator.close(),
    );
    const { port } = server.address() as AddressInfo;
    const first = await from(0, '127.0.0.2', port);
    const second = await from(first.localPort ?? 0, '127.0.0.3', port);
    for (const socket of [first, second]) {
      const secure = connectTls({
        socket,
        cert: CLIENT.certificateChain,
        key: CLIENT.privateKey,
        ca: ca.pem,
        checkServerIdentity: () => undefined,
      });
      secure.on('error', () => {});
      await once(secure.resume(), 'close');
    }
    expect(seen).toEqual([
      ['127.0.0.2', '127.0.0.2', '127.0.0.2'],
      ['127.0.0.3', '127.0.0.3', '127.0.0.3'],
    ]);
  },
);
