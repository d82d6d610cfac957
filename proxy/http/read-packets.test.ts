import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { TestCa } from '../tls/testing.js';
import { readPackets } from './read-packets.js';

const MB = 1024 * 1024;

/** Both ends of a connection. */
async function pair(): Promise<readonly [from: net.Socket, to: net.Socket]> {
  const server = net.createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const from = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  const [to] = (await once(server, 'connection')) as [net.Socket];
  server.close();
  return [from, to];
}

async function tlsPair(): Promise<readonly [from: net.Socket, to: net.Socket]> {
  const { certificateChain: cert, privateKey: key } = new TestCa().issue('spiffe://test/ns/a/sa/b');
  const server = tls.createServer({ cert, key });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as net.AddressInfo;
  const from = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  const [to] = (await once(server, 'secureConnection')) as [net.Socket];
  server.close();
  return [from, to];
}

/** What is received until the end. */
function receive(socket: net.Socket): { readonly packets: Buffer[]; readonly ended: Promise<unknown> } {
  const packets: Buffer[] = [];
  readPackets(socket, (packet) => packets.push(packet));
  return { packets, ended: once(socket, 'end') };
}

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('packets of a socket', () => {
  test('nothing writes into one that came before', async () => {
    const [from, to] = await pair();
    const { packets, ended } = receive(to);
    for (let i = 0; i < 20; i++) {
      from.write(String.fromCharCode(97 + i).repeat(1000 + i));
      await tick();
    }
    from.end();
    await ended;
    const expected = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i).repeat(1000 + i)).join('');
    expect(Buffer.concat(packets).toString()).toBe(expected);
    to.destroy();
  });

  test.each([
    ['TCP', pair],
    ['TLS', tlsPair],
  ] as const)('large and small ones alternate on %s, and each byte comes once and in order', async (_, connect) => {
    const [from, to] = await connect();
    const { packets, ended } = receive(to);
    const all: Buffer[] = [];
    for (let round = 0; round < 4; round++) {
      for (const size of [...Array.from({ length: 12 }, () => 10), MB, 17_000, 1, 9000, 8192, 8191, 16_384, 100_000]) {
        const sent = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + round) & 255));
        all.push(sent);
        from.write(sent);
        await tick();
      }
    }
    from.end();
    await ended;
    expect(Buffer.concat(packets).equals(Buffer.concat(all))).toBe(true);
    to.destroy();
  });

  test('what was put back comes first', async () => {
    const [from, to] = await pair();
    to.pause();
    to.unshift(Buffer.from('before '));
    const { packets, ended } = receive(to);
    to.resume();
    const words = Array.from({ length: 20 }, (_, i) => `${i} `);
    for (const word of words) {
      from.write(word);
      await tick();
    }
    from.end();
    await ended;
    expect(Buffer.concat(packets).toString()).toBe(`before ${words.join('')}`);
    to.destroy();
  });

  test('a paused socket receives nothing, and the sender waits', async () => {
    const [from, to] = await pair();
    const { packets, ended } = receive(to);
    for (let i = 0; i < 12; i++) {
      from.write('a');
      await tick();
    }
    to.pause();
    const before = packets.length;
    from.write(Buffer.alloc(16 * MB));
    for (let i = 0; i < 5; i++) await tick();
    expect(packets.length).toBe(before);
    expect(from.writableLength).toBeGreaterThan(0);
    to.resume();
    from.end();
    await ended;
    expect(Buffer.concat(packets).length).toBe(16 * MB + 12);
    to.destroy();
  });
});
