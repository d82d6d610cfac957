import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { connect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { parseClientHello } from './client-hello.js';
import { classify } from './sniff.js';

async function helloOf(servername: string, ALPNProtocols: string[]): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({ port: (server.address() as AddressInfo).port, servername, ALPNProtocols });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [import('node:net').Socket];
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

describe('parseClientHello', () => {
  it('reads the server name and the protocols, however the bytes arrive', async () => {
    const bytes = await helloOf('Reviews.Default.svc', ['istio', 'http/1.1']);
    const expected = { serverName: 'reviews.default.svc', alpn: ['istio', 'http/1.1'] };
    expect(parseClientHello(bytes)).toEqual(expected);
    for (let length = 1; length < bytes.length; length++) {
      expect(parseClientHello(bytes.subarray(0, length))).toBe('incomplete');
    }
    const body = bytes.subarray(5);
    const split = Buffer.concat([
      Buffer.from([22, 3, 1, 0, 10]),
      body.subarray(0, 10),
      Buffer.from([22, 3, 1, (body.length - 10) >> 8, (body.length - 10) & 255]),
      body.subarray(10),
    ]);
    expect(parseClientHello(split)).toEqual(expected);
  });

  it('believes no length beyond the bytes', () => {
    const hello = Buffer.concat([Buffer.from('16030100301000002c0303', 'hex'), Buffer.alloc(42, 0xff)]);
    expect(parseClientHello(hello)).toBe('none');
  });

  it.each([
    ['empty', Buffer.from([22, 3, 1, 0, 0]), 1],
    ['tiny', Buffer.from([22, 3, 1, 0, 1, 1]), 40],
  ])('does not gather %s records, which cost more to look at the more there are', (_, record, count) => {
    expect(parseClientHello(Buffer.concat(new Array<Buffer>(count).fill(record)))).toBe('none');
  });
});

describe('classify', () => {
  it.each([
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'http1'],
    ['GET /', 'http1'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http2'],
    ['PRI * HTTP', undefined],
    ['SSH-2.0-OpenSSH\r\n', 'unknown'],
    ['\x16\x03', undefined],
    ['\x16\x05\x01', 'unknown'],
  ])('%j is %s', (text, kind) => {
    expect(classify(Buffer.from(text, 'latin1'), { tls: true, http: true })?.kind).toBe(kind);
  });
});
