import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestProxy } from '../http2/testing.js';

const message = (text: string): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
};
const trailersFrame = (text: string): Buffer => {
  const frame = message(text);
  frame[0] = 0x80;
  return frame;
};

let seen: http2.IncomingHttpHeaders = {};
const server = http2.createServer();
server.on('stream', (stream, headers) => {
  seen = headers;
  stream.on('error', () => {});
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => stream.destroyed || answer(stream, headers[':path'] ?? '', Buffer.concat(chunks)));
});

function answer(stream: http2.ServerHttp2Stream, path: string, body: Buffer): void {
  if (path === '/plain') {
    stream.respond({ ':status': 404, 'content-type': 'text/plain' });
    stream.end('not 100% here');
    return;
  }
  if (path === '/only') {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5', 'grpc-message': 'no' },
      { endStream: true },
    );
    return;
  }
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-more': 'm' }));
  stream.write(body);
  stream.end(message('two'));
}

let proxy: TestProxy;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const filter = (name: string, type: string) => ({
    name: `envoy.filters.http.${name}`,
    typed_config: { '@type': `type.googleapis.com/envoy.extensions.filters.http.${type}` },
  });
  proxy = await TestProxy.start({
    upstreamPort: (server.address() as AddressInfo).port,
    upstream: 'http2',
    manager: {
      route_config: {
        virtual_hosts: [
          {
            name: 'v',
            domains: ['*'],
            routes: [{ match: { prefix: '/' }, route: { cluster: 'app' } }],
            typed_per_filter_config: {
              'envoy.filters.http.cors': {
                '@type': 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy',
                allow_origin_string_match: [{ exact: 'https://shop.test' }],
                expose_headers: 'grpc-status',
              },
            },
          },
        ],
      },
      http_filters: [
        filter('cors', 'cors.v3.Cors'),
        filter('grpc_web', 'grpc_web.v3.GrpcWeb'),
        filter('router', 'router.v3.Router'),
      ],
    },
  });
});
afterAll(async () => {
  await proxy.stop();
  server.close();
});

interface Call {
  readonly path?: string;
  readonly type: string;
  readonly accept?: string;
  readonly body: Buffer | string;
}

async function call({ path = '/t.T/M', type, accept = type, body }: Call) {
  const response = await fetch(`http://127.0.0.1:${proxy.port}${path}`, {
    method: 'POST',
    headers: { 'content-type': type, accept, origin: 'https://shop.test' },
    body: new Uint8Array(Buffer.from(body as Buffer)),
  });
  return { response, body: Buffer.from(await response.arrayBuffer()) };
}

/** Texts of base64 one behind the other, each with its own padding. */
function fromBase64(text: string): Buffer {
  const parts = text.match(/[A-Za-z0-9+/]+={0,2}/g) ?? [];
  return Buffer.concat(parts.map((part) => Buffer.from(part, 'base64')));
}

const ANSWER = Buffer.concat([message('one'), message('two'), trailersFrame('grpc-status:0\r\nx-more:m\r\n')]);

describe('gRPC-Web', () => {
  it.each(['application/grpc-web', 'application/grpc-web+proto'])('%s becomes gRPC and back', async (type) => {
    const { response, body } = await call({ type, body: message('one') });
    expect(seen).toMatchObject({
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-accept-encoding': 'identity',
    });
    expect(seen['content-length']).toBeUndefined();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/grpc-web+proto');
    expect(response.headers.get('access-control-allow-origin')).toBe('https://shop.test');
    expect(response.headers.get('access-control-expose-headers')).toBe('grpc-status');
    expect(body.equals(ANSWER)).toBe(true);
  });

  it.each([
    ['', message('one').toString('base64')],
    [
      ' of two texts with a padding each',
      message('one').subarray(0, 4).toString('base64') + message('one').subarray(4).toString('base64'),
    ],
  ])('text%s becomes gRPC and back', async (_, body) => {
    const { response, body: answer } = await call({ type: 'application/grpc-web-text', body });
    expect(response.headers.get('content-type')).toBe('application/grpc-web-text+proto');
    expect(fromBase64(answer.toString('latin1')).equals(ANSWER)).toBe(true);
  });

  it('the form of the answer goes by Accept', async () => {
    const text = message('one').toString('base64');
    const { response, body } = await call({ type: 'application/grpc-web-text', accept: '*/*', body: text });
    expect(response.headers.get('content-type')).toBe('application/grpc-web+proto');
    expect(body.equals(ANSWER)).toBe(true);
  });

  it.each(['AAAA!', 'AAA', '=AAA'])('the text %j, which is no base64, is refused', async (body) => {
    const { response } = await call({ type: 'application/grpc-web-text', body });
    expect([response.status, response.headers.get('grpc-status')]).toEqual([400, '13']);
    expect(response.headers.get('grpc-message')).toBe('Bad gRPC-web request, invalid base64 data.');
  });

  it('an answer of trailers alone keeps them in its head', async () => {
    const { response, body } = await call({ path: '/only', type: 'application/grpc-web', body: message('x') });
    expect([response.headers.get('grpc-status'), response.headers.get('grpc-message')]).toEqual(['5', 'no']);
    expect(body.length).toBe(0);
  });

  it('an answer that is no gRPC is explained as gRPC does', async () => {
    const { response, body } = await call({ path: '/plain', type: 'application/grpc-web', body: message('x') });
    expect([response.status, response.headers.get('grpc-status')]).toEqual([404, '12']);
    expect([response.headers.get('grpc-message'), body.length]).toEqual(['not 100%25 here', 0]);
  });

  it('other requests pass as they are', async () => {
    const { response, body } = await call({ type: 'application/json', body: '{}' });
    expect(seen['content-type']).toBe('application/json');
    expect(response.headers.get('content-type')).toBe('application/grpc+proto');
    expect(body.toString()).toContain('{}');
  });
});
