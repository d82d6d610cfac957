import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callGrpc } from './grpc-call.js';
import type { ServiceRequest } from './service-call.js';
import { TestBed } from './testing.js';

let bed: TestBed;
beforeEach(() => {
  bed = new TestBed();
});
afterEach(() => bed.close());

const get = (cluster: string, more: Partial<ServiceRequest> = {}): ServiceRequest => ({
  cluster,
  method: 'GET',
  path: '/keys?x=1',
  authority: 'keys.example',
  timeoutMs: 5000,
  ...more,
});

describe('a request of the proxy’s own', () => {
  it('goes to a host of the cluster and comes back with head and body', async () => {
    let seen = '';
    const port = await bed.serveHttp((request) => {
      seen = request;
      return 'HTTP/1.1 201 Created\r\nx-a: b\r\ncontent-length: 5\r\n\r\nhello';
    });
    bed.cluster('keys', [port]);
    const answer = await bed.services.call(
      get('keys', { method: 'POST', headers: [['x-from', 'proxy']], body: Buffer.from('question') }),
    );
    expect([answer.status, answer.headers.get('x-a'), answer.body.toString()]).toEqual([201, 'b', 'hello']);
    expect(seen).toMatch(/^POST \/keys\?x=1 HTTP\/1.1\r\nhost: keys.example\r\n/i);
    expect(seen).toMatch(/content-length: 8\r\n[\s\S]*question$/);
  });

  it.each([
    ['no cluster', 'nobody', 'no-cluster'],
    ['no host', 'empty', 'no-host'],
    ['nobody listens', 'refused', 'connect-failure'],
    ['the peer breaks off', 'broken', 'remote-reset'],
    ['no answer comes in time', 'silent', 'timeout'],
    ['the answer is too large', 'large', 'too-large'],
  ])('fails with a reason: %s', async (_name, cluster, reason) => {
    bed.cluster('empty', []);
    bed.cluster('refused', [await bed.refusedPort()]);
    bed.cluster('broken', [await bed.serveHttp(() => undefined)]);
    bed.cluster('silent', [await bed.serve(() => {})]);
    bed.cluster('large', [
      await bed.serveHttp(() => `HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n${'x'.repeat(2000)}`),
    ]);
    const limits = { maxBytes: 1000, ...(reason === 'timeout' && { timeoutMs: 30 }) };
    await expect(bed.services.call(get(cluster, limits))).rejects.toMatchObject({ reason, cluster });
  });

  it('can be given up', async () => {
    bed.cluster('silent', [await bed.serve(() => {})]);
    const call = bed.services.start(get('silent'));
    call.cancel();
    await expect(call.answer).rejects.toMatchObject({ reason: 'cancelled' });
  });
});

describe('a unary gRPC call', () => {
  let server: Http2Server;
  const serveGrpc = async (
    answer: (stream: ServerHttp2Stream, message: Buffer, path: string) => void,
  ): Promise<void> => {
    server = createServer();
    server.on('stream', (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => answer(stream, Buffer.concat(chunks).subarray(5), String(headers[':path'])));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    bed.cluster('auth', [(server.address() as AddressInfo).port], { http2_protocol_options: {} });
  };
  afterEach(() => new Promise((resolve) => server.close(resolve)));
  const ask = () =>
    callGrpc(bed.services, {
      cluster: 'auth',
      authority: 'auth',
      path: '/a.B/C',
      message: Buffer.from('in'),
      timeoutMs: 5000,
    });

  it('carries one message each way', async () => {
    await serveGrpc((stream, message, path) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      const text = Buffer.from(`${path} ${message.toString()}`);
      stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, text.length]), text]));
    });
    expect((await ask()).toString()).toBe('/a.B/C in');
    await bed.close();
  });

  it('fails with the status that came', async () => {
    await serveGrpc((stream) => {
      stream.respond({ ':status': 200, 'grpc-status': '7', 'grpc-message': 'go away' }, { endStream: true });
    });
    await expect(ask()).rejects.toMatchObject({ status: 7, message: 'grpc-status 7: go away' });
    await bed.close();
  });
});
