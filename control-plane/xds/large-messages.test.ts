import { createHash, randomBytes } from 'node:crypto';
import { Client, credentials, Metadata, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { Gathered } from './gathered.js';
import { gatheringInterceptor, MessageWriter } from './large-messages.js';

const METHOD = {
  path: '/test.Service/Method',
  requestStream: true,
  responseStream: true,
  requestSerialize: (message: Buffer) => message,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (): Buffer => {
    throw new Error('the message went through grpc-js');
  },
  responseDeserialize: (bytes: Buffer) => bytes,
};

function hash(bytes: Buffer): string {
  return `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Pieces of odd sizes, of `length` octets together. */
function gathered(length: number, piece: number): Gathered {
  const all = randomBytes(length);
  const parts: Buffer[] = [];
  for (let at = 0; at < length; at += piece) parts.push(all.subarray(at, at + piece));
  return new Gathered(parts);
}

const SIZES: readonly (readonly [length: number, piece: number])[] = [
  [0, 1],
  [1, 1],
  [65_530, 1000],
  [65_531, 1000],
  [65_532, 65_532],
  [131_067, 7],
  [3_000_000, 1277],
  [3_000_000, 200_000],
];

it('sends messages of any size over a call of grpc-js, in order and whole', async () => {
  const messages = SIZES.map(([length, piece]) => gathered(length, piece));
  const server = new Server({ interceptors: [gatheringInterceptor()] });
  server.addService(
    { Method: METHOD },
    {
      Method: (call: ServerDuplexStream<Buffer, Gathered>) => {
        for (const message of messages) call.write(message);
        call.end();
      },
    },
  );
  const port = await new Promise<number>((done, fail) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, taken) =>
      error === null ? done(taken) : fail(error),
    );
  });
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  try {
    const call = client.makeBidiStreamRequest(
      METHOD.path,
      METHOD.requestSerialize,
      METHOD.responseDeserialize,
      new Metadata(),
    );
    const heard: string[] = [];
    for await (const message of call as AsyncIterable<Buffer>) heard.push(hash(message));
    expect(heard).toEqual(messages.map((message) => hash(message.toBuffer())));
  } finally {
    client.close();
    server.forceShutdown();
  }
});

it('holds one buffer of a message that its client does not take', () => {
  const written: Buffer[] = [];
  const sink = { write: (chunk: Buffer) => void written.push(chunk) };
  new MessageWriter().write(sink, gathered(1_000_000, 999), () => {});
  expect(written.map(({ length }) => length)).toEqual([65_536]);
});

it('tells why a message cannot be written, and writes no more of it', () => {
  const callbacks: ((error?: Error) => void)[] = [];
  const sink = { write: (_chunk: Buffer, done: (error?: Error) => void) => void callbacks.push(done) };
  let failure: Error | null | undefined;
  new MessageWriter().write(sink, gathered(1_000_000, 999), (error) => {
    failure = error;
  });
  callbacks[0]?.(new Error('broken'));
  expect(failure?.message).toBe('broken');
  expect(callbacks).toHaveLength(1);
});
