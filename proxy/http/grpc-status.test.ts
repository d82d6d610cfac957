import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { portOf, startRelay } from './testing.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** What is known of a request with this content type after upstream answered `response`. */
async function statusAfter(contentType: string, response: string): Promise<number | undefined> {
  const upstream = net.createServer((socket) => socket.on('data', () => socket.write(response)));
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  cleanups.push(() => upstream.close());
  const relay = await startRelay({ upstreamPort: portOf(upstream) });
  cleanups.push(() => relay.close());
  const client = net.connect(relay.port, '127.0.0.1');
  client.write(`GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: ${contentType}\r\n\r\n`);
  await once(client.resume(), 'close');
  return relay.infos[0]?.grpcStatus;
}

describe('the gRPC status of a request', () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\n';
  const empty = 'content-length: 0\r\n\r\n';
  it.each([
    ['of the trailers', `${head}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\ngrpc-status: 5\r\n\r\n`, 5],
    ['of a head alone', `${head}grpc-status: 14\r\n${empty}`, 14],
    ['by the HTTP status', `HTTP/1.1 503 Service Unavailable\r\n${empty}`, 14],
    ['that is no number', `${head}grpc-status: x\r\n${empty}`, 2],
  ])('%s', async (_, response, expected) => {
    expect(await statusAfter('application/grpc', response)).toBe(expected);
  });

  it('is absent of a request that is not gRPC', async () => {
    expect(await statusAfter('application/json', `${head}grpc-status: 14\r\n${empty}`)).toBe(-1);
  });
});
