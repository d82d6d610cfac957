import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { SECRET_DEFAULT } from '../../common/xds/names.js';
import type { PeerInfo } from '../http/stream-info.js';
import { plainDialer } from '../upstream/dialer.js';
import type { DownstreamTls, UpstreamTls } from './context.js';
import { TlsDialer } from './dialer.js';
import type { SecretStore } from './secrets.js';
import { TlsTerminator } from './terminator.js';
import { meshTls, TestCa } from './testing.js';

const CLIENT = 'spiffe://cluster.local/ns/default/sa/client';
const SERVER = 'spiffe://cluster.local/ns/default/sa/server';
const ca = new TestCa();
const foreign = new TestCa('foreign');

type Accepted = { readonly peer: PeerInfo; readonly socket: Socket } | { readonly failed: string };
type Dialed =
  | { readonly peer: PeerInfo; readonly socket: Socket }
  | { readonly reason: string; readonly detail: string };

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const close of cleanup.splice(0)) close();
});

/** A port behind which a terminator echoes; accepted connections are in the queue. */
async function listen(
  settings: DownstreamTls,
  secrets: SecretStore,
  clock: Clock = systemClock,
): Promise<{ port: number; accepted: () => Promise<Accepted> }> {
  const terminator = new TlsTerminator(settings, {
    secrets,
    clock,
    alpn: settings.alpn,
    handshakeTimeoutMs: 5000,
  });
  const queue: Accepted[] = [];
  const waiters: ((accepted: Accepted) => void)[] = [];
  const push = (accepted: Accepted): void => {
    const waiter = waiters.shift();
    if (waiter === undefined) queue.push(accepted);
    else waiter(accepted);
  };
  const server: Server = createServer({ pauseOnConnect: true }, (raw) => {
    raw.on('error', () => {});
    terminator.accept(raw, undefined, {
      onSecure(socket, peer) {
        socket.on('error', () => {});
        socket.pipe(socket);
        push({ peer, socket });
      },
      onFailed: (failed) => push({ failed }),
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.push(
    () => server.close(),
    () => terminator.close(),
  );
  const accepted = (): Promise<Accepted> => {
    const next = queue.shift();
    return next === undefined ? new Promise((resolve) => waiters.push(resolve)) : Promise.resolve(next);
  };
  return { port: (server.address() as AddressInfo).port, accepted };
}

function dialerOf(secrets: SecretStore): TlsDialer {
  return new TlsDialer({ plain: plainDialer(systemClock), secrets, clock: systemClock });
}

function dial(dialer: TlsDialer, port: number, settings: UpstreamTls, connectTimeoutMs = 5000): Promise<Dialed> {
  return new Promise((resolve) => {
    const socket: Socket = dialer.connect(
      { ip: '127.0.0.1', port },
      settings,
      { connectTimeoutMs, keepAlive: undefined },
      {
        onReady: (peer) => resolve({ peer, socket }),
        onFailed: (reason, detail) => resolve({ reason, detail }),
      },
    );
    cleanup.push(() => socket.destroy());
  });
}

async function echo(dialed: Dialed, text: string): Promise<string> {
  if (!('socket' in dialed)) throw new Error(`not connected: ${dialed.detail}`);
  dialed.socket.write(text);
  const [chunk] = (await once(dialed.socket, 'data')) as [Buffer];
  return chunk.toString();
}

describe('mutual TLS', () => {
  it('tells each side who the other is', async () => {
    const { port, accepted } = await listen(meshTls(), ca.secretsOf(SERVER));
    const dialed = await dial(dialerOf(ca.secretsOf(CLIENT)), port, meshTls(SERVER));
    const server = await accepted();
    expect(dialed).toMatchObject({ peer: { mtls: true, uriSan: SERVER, localUriSan: CLIENT, alpn: 'istio' } });
    expect(server).toMatchObject({
      peer: { mtls: true, uriSan: CLIENT, localUriSan: SERVER, tlsVersion: 'TLSv1.3', sni: meshTls().sni },
    });
    expect(await echo(dialed, 'hello')).toBe('hello');
  });

  it('refuses a client certificate of a foreign authority', async () => {
    const { port, accepted } = await listen(meshTls(), ca.secretsOf(SERVER));
    const secrets = ca.secretsOf(CLIENT);
    secrets.set(SECRET_DEFAULT, { kind: 'certificate', ...foreign.issue(CLIENT) });
    const dialed = await dial(dialerOf(secrets), port, meshTls(SERVER));
    expect(await accepted()).toMatchObject({ failed: expect.any(String) });
    if ('socket' in dialed)
      await once(
        dialed.socket.on('error', () => {}),
        'close',
      );
  });

  it('refuses a client without a certificate', async () => {
    const { port, accepted } = await listen(meshTls(), ca.secretsOf(SERVER));
    const socket = connectTls({ port, host: '127.0.0.1', ca: ca.pem, checkServerIdentity: () => undefined });
    socket.on('error', () => {});
    expect(await accepted()).toMatchObject({ failed: expect.stringContaining('CERTIFICATE') });
    socket.destroy();
  });

  it('refuses an untrusted certificate even where none is required', async () => {
    const { port, accepted } = await listen({ ...meshTls(), requireClientCertificate: false }, ca.secretsOf(SERVER));
    const bad = connectTls({
      port,
      host: '127.0.0.1',
      ca: ca.pem,
      checkServerIdentity: () => undefined,
      ...pemOf(foreign),
    });
    bad.on('error', () => {});
    expect(await accepted()).toMatchObject({ failed: expect.stringContaining('CERTIFICATE_VERIFY_FAILED') });
    const none = connectTls({ port, host: '127.0.0.1', ca: ca.pem, checkServerIdentity: () => undefined });
    none.on('error', () => {});
    expect(await accepted()).toMatchObject({ peer: { mtls: false, uriSan: undefined } });
    none.destroy();
  });

  it('refuses a client whose name is not expected', async () => {
    const { port, accepted } = await listen(meshTls('spiffe://cluster.local/ns/x/sa/y'), ca.secretsOf(SERVER));
    await dial(dialerOf(ca.secretsOf(CLIENT)), port, meshTls(SERVER));
    expect(await accepted()).toMatchObject({ failed: expect.stringContaining('verify SAN list') });
  });

  it('refuses a server of a foreign authority, or with another name', async () => {
    const foreignServer = ca.secretsOf(SERVER);
    foreignServer.set(SECRET_DEFAULT, { kind: 'certificate', ...foreign.issue(SERVER) });
    const first = await listen(meshTls(), foreignServer);
    const second = await listen(meshTls(), ca.secretsOf('spiffe://cluster.local/ns/default/sa/other'));
    const dialer = dialerOf(ca.secretsOf(CLIENT));
    const untrusted = await dial(dialer, first.port, meshTls(SERVER));
    const misnamed = await dial(dialer, second.port, meshTls(SERVER));
    for (const dialed of [untrusted, misnamed]) {
      expect(dialed).toMatchObject({
        reason: 'connect-failure',
        detail: expect.stringContaining('CERTIFICATE_VERIFY_FAILED'),
      });
    }
    expect(misnamed).toMatchObject({ detail: expect.stringContaining('verify SAN list') });
  });

  it('refuses an expired certificate', async () => {
    const secrets = ca.secretsOf(CLIENT);
    const { port, accepted } = await listen(meshTls(), ca.secretsOf(SERVER));
    secrets.set(SECRET_DEFAULT, { kind: 'certificate', ...ca.issue(CLIENT, -1000) });
    await dial(dialerOf(secrets), port, meshTls(SERVER));
    expect(await accepted()).toMatchObject({ failed: expect.any(String) });
  });
});

function pemOf(authority: TestCa): { cert: string; key: string } {
  const { certificateChain, privateKey } = authority.issue(CLIENT);
  return { cert: certificateChain, key: privateKey };
}

describe('session resumption', () => {
  it('keeps the identities of both sides', async () => {
    const { port, accepted } = await listen(meshTls(), ca.secretsOf(SERVER));
    const dialer = dialerOf(ca.secretsOf(CLIENT));
    const first = await dial(dialer, port, meshTls(SERVER));
    await accepted();
    await echo(first, 'x');
    await new Promise((resolve) => setImmediate(resolve));
    const second = await dial(dialer, port, meshTls(SERVER));
    expect(await accepted()).toMatchObject({ peer: { uriSan: CLIENT } });
    expect(second).toMatchObject({ peer: { uriSan: SERVER } });
    expect('socket' in second && second.socket instanceof TLSSocket && second.socket.isSessionReused()).toBe(true);
  });

  it('changes the keys of tickets twice a day', async () => {
    let later = 0;
    const clock: Clock = {
      now: () => systemClock.now(),
      monotonic: () => systemClock.monotonic() + later,
      after: (ms, callback) => systemClock.after(ms, callback),
    };
    const { port, accepted } = await listen(meshTls(), ca.secretsOf(SERVER), clock);
    const dialer = dialerOf(ca.secretsOf(CLIENT));
    const resumed = async (): Promise<boolean> => {
      const dialed = await dial(dialer, port, meshTls(SERVER));
      await accepted();
      await echo(dialed, 'x');
      await new Promise((resolve) => setImmediate(resolve));
      return 'socket' in dialed && dialed.socket instanceof TLSSocket && dialed.socket.isSessionReused();
    };
    expect(await resumed()).toBe(false);
    expect(await resumed()).toBe(true);
    later = 12 * 3_600_000;
    expect(await resumed()).toBe(false);
    expect(await resumed()).toBe(true);
  });

  it('does not carry a session over to settings that expect another name', async () => {
    const { port, accepted } = await listen(meshTls(), ca.secretsOf(SERVER));
    const dialer = dialerOf(ca.secretsOf(CLIENT));
    await echo(await dial(dialer, port, meshTls(SERVER)), 'x');
    await accepted();
    const other = await dial(dialer, port, meshTls('spiffe://cluster.local/ns/default/sa/other'));
    expect(other).toMatchObject({ detail: expect.stringContaining('verify SAN list') });
  });
});

describe('rotation', () => {
  it('keeps open connections and gives new ones the new certificate', async () => {
    const secrets = ca.secretsOf(SERVER);
    const { port, accepted } = await listen(meshTls(), secrets);
    const dialer = dialerOf(ca.secretsOf(CLIENT));
    const before = await dial(dialer, port, meshTls(SERVER));
    const first = await accepted();
    secrets.set(SECRET_DEFAULT, { kind: 'certificate', ...ca.issue(SERVER) });
    const after = await dial(dialer, port, meshTls(SERVER));
    const second = await accepted();
    expect(await echo(before, 'old')).toBe('old');
    expect(await echo(after, 'new')).toBe('new');
    const sha = (dialed: Dialed): string => ('peer' in dialed ? dialed.peer.sha256 : '');
    expect(sha(after)).not.toBe(sha(before));
    expect([first, second]).toMatchObject([{ peer: { uriSan: CLIENT } }, { peer: { uriSan: CLIENT } }]);
  });
});

describe('failures', () => {
  it('names a refused connection as Envoy does', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const dialed = await dial(dialerOf(ca.secretsOf(CLIENT)), port, meshTls(SERVER));
    expect(dialed).toEqual({ reason: 'connect-failure', detail: 'delayed connect error: Connection refused' });
  });

  it('counts the handshake into the connect timeout', async () => {
    const held: Socket[] = [];
    const server = createServer((socket) => held.push(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanup.push(
      () => server.close(),
      () => held[0]?.destroy(),
    );
    const { port } = server.address() as AddressInfo;
    const dialed = await dial(dialerOf(ca.secretsOf(CLIENT)), port, meshTls(SERVER), 100);
    expect(dialed).toMatchObject({ reason: 'connect-timeout' });
  });

  it('refuses everything while a secret is missing', async () => {
    const secrets = ca.secretsOf(SERVER);
    secrets.delete(SECRET_DEFAULT);
    const { port, accepted } = await listen(meshTls(), secrets);
    const client = connect(port, '127.0.0.1').on('error', () => {});
    expect(await accepted()).toMatchObject({ failed: expect.stringContaining('not supplied') });
    client.destroy();
    const dialed = await dial(dialerOf(secrets), port, meshTls(SERVER));
    expect(dialed).toMatchObject({ reason: 'connect-failure', detail: expect.stringContaining('not supplied') });
  });

  it('reports a client that speaks no TLS', async () => {
    const { port, accepted } = await listen(meshTls(), ca.secretsOf(SERVER));
    const client = connect(port, '127.0.0.1').on('error', () => {});
    client.write('GET / HTTP/1.1\r\n\r\n');
    expect(await accepted()).toMatchObject({ failed: expect.stringContaining('TLS_error') });
    client.destroy();
  });
});
