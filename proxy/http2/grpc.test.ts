import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestProxy } from './testing.js';

/** Bytes in, bytes out: what a message means is the application's affair. */
const raw = (path: string, requestStream: boolean, responseStream: boolean): grpc.MethodDefinition<Buffer, Buffer> => ({
  path,
  requestStream,
  responseStream,
  requestSerialize: (value) => value,
  requestDeserialize: (value) => value,
  responseSerialize: (value) => value,
  responseDeserialize: (value) => value,
});
const METHODS = {
  unary: raw('/t.T/Unary', false, false),
  client: raw('/t.T/Client', true, false),
  server: raw('/t.T/Server', false, true),
  bidi: raw('/t.T/Bidi', true, true),
};

let calls = 0;
const server = new grpc.Server();
server.addService(METHODS, {
  unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
    calls++;
    const text = call.request.toString();
    if (text === 'hang') return;
    if (text === 'fail') done({ code: grpc.status.NOT_FOUND, details: 'no such thing' });
    else if (text === 'twice' && calls % 2 === 1) done({ code: grpc.status.UNAVAILABLE, details: 'again' });
    else {
      const trailer = new grpc.Metadata();
      trailer.set('x-trailer', String(call.metadata.get('x-meta')[0] ?? ''));
      done(null, call.request, trailer);
    }
  },
  client: (call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
    let size = 0;
    call.on('data', (chunk: Buffer) => {
      size += chunk.length;
    });
    call.on('end', () => done(null, Buffer.from(String(size))));
  },
  server: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
    for (let i = 0; i < 50; i++) call.write(Buffer.alloc(20_000, i));
    call.end();
  },
  bidi: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
    call.on('data', (chunk: Buffer) => call.write(chunk));
    call.on('end', () => call.end());
    call.on('error', () => {});
  },
});

const proxies: TestProxy[] = [];
let client: grpc.Client;

beforeAll(async () => {
  let port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const route = {
    retry_policy: { retry_on: 'unavailable', num_retries: 1 },
    max_stream_duration: { grpc_timeout_header_max: '0s' },
  };
  for (let i = 0; i < 2; i++) {
    const proxy = await TestProxy.start({ upstreamPort: port, upstream: 'http2', ...(i === 1 && { route }) });
    proxies.unshift(proxy);
    port = proxy.port;
  }
  client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  server.forceShutdown();
  for (const proxy of proxies) await proxy.stop();
});

function unary(text: string, options: grpc.CallOptions = {}, metadata = new grpc.Metadata()) {
  const { path, requestSerialize, responseDeserialize } = METHODS.unary;
  return new Promise<{ text: string; trailers: grpc.Metadata }>((resolve, reject) => {
    let answer = '';
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      Buffer.from(text),
      metadata,
      options,
      (error, value) => {
        if (error !== null) reject(error);
        else answer = String(value);
      },
    );
    call.on('status', ({ code, metadata: trailers }) => {
      if (code === grpc.status.OK) resolve({ text: answer, trailers });
    });
  });
}

describe('gRPC through two sidecars', () => {
  it('unary, with metadata and trailers', async () => {
    const metadata = new grpc.Metadata();
    metadata.set('x-meta', 'm');
    const { text, trailers } = await unary('hello', {}, metadata);
    expect([text, trailers.get('x-trailer')]).toEqual(['hello', ['m']]);
  });

  it('statuses of the application arrive', async () => {
    await expect(unary('fail')).rejects.toMatchObject({ code: grpc.status.NOT_FOUND, details: 'no such thing' });
  });

  it('UNAVAILABLE is tried again where the route says so', async () => {
    calls = 0;
    expect((await unary('twice')).text).toBe('twice');
    expect(calls).toBe(2);
  });

  it('client streaming', async () => {
    const { path, requestSerialize, responseDeserialize } = METHODS.client;
    const answer = await new Promise((resolve, reject) => {
      const call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, (error, value) =>
        error === null ? resolve(String(value)) : reject(error),
      );
      for (let i = 0; i < 100; i++) call.write(Buffer.alloc(30_000));
      call.end();
    });
    expect(answer).toBe('3000000');
  });

  it('server streaming', async () => {
    const { path, requestSerialize, responseDeserialize } = METHODS.server;
    const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, Buffer.alloc(0));
    let size = 0;
    for await (const message of call) size += (message as Buffer).length;
    expect(size).toBe(1_000_000);
  });

  it('both at once, turn by turn', async () => {
    const { path, requestSerialize, responseDeserialize } = METHODS.bidi;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    for (let i = 0; i < 20; i++) {
      const answer = new Promise((resolve) => call.once('data', resolve));
      call.write(Buffer.from(`turn ${i}`));
      expect(String(await answer)).toBe(`turn ${i}`);
    }
    call.end();
    expect(await new Promise((resolve) => call.on('status', ({ code }) => resolve(code)))).toBe(grpc.status.OK);
  });

  it('a deadline ends the call at every hop', async () => {
    await expect(unary('hang', { deadline: Date.now() + 200 })).rejects.toMatchObject({
      code: grpc.status.DEADLINE_EXCEEDED,
    });
  });

  it('cancelling ends the call', async () => {
    const { path, requestSerialize, responseDeserialize } = METHODS.bidi;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    call.on('error', () => {});
    const first = new Promise((resolve) => call.once('data', resolve));
    const status = new Promise((resolve) => call.on('status', ({ code }) => resolve(code)));
    call.write(Buffer.from('x'));
    await first;
    call.cancel();
    expect(await status).toBe(grpc.status.CANCELLED);
  });
});

it('an answer of the sidecar itself is a status in the head', async () => {
  const dead = await TestProxy.start({ upstreamPort: 1, upstream: 'http2' });
  const lost = new grpc.Client(`127.0.0.1:${dead.port}`, grpc.credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = METHODS.unary;
  const error = await new Promise((resolve) =>
    lost.makeUnaryRequest(path, requestSerialize, responseDeserialize, Buffer.from('x'), (failure) => resolve(failure)),
  );
  expect(error).toMatchObject({
    code: grpc.status.UNAVAILABLE,
    details: expect.stringContaining('upstream connect error'),
  });
  lost.close();
  await dead.stop();
});
