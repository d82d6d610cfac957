import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:http2';
import { inflateSync } from 'node:zlib';
import {
  Client,
  type ClientOptions,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
} from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { compressedPiece, zlibStream } from './deflate.js';
import { Gathered } from './gathered.js';
import { type InPieces, LargeMessages, MessageWriter } from './large-messages.js';

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

/** Compressed or not, as it is told. */
function message(plain: Gathered, compressed: boolean): InPieces {
  return {
    plain: () => plain,
    compressed: () => (compressed ? new Gathered(zlibStream([compressedPiece(plain.parts)]), true) : undefined),
  };
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

async function serve(compress: boolean, messages: readonly InPieces[]): Promise<{ port: number; end: () => void }> {
  const large = new LargeMessages();
  const server = new Server({ interceptors: [large.interceptor] });
  server.addService(
    { Method: METHOD },
    {
      Method: (call: ServerDuplexStream<Buffer, InPieces>) => {
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
  if (compress) large.compress(server);
  return { port, end: () => server.forceShutdown() };
}

/** What a client of grpc-js reads, which announces `identity,deflate,gzip`; an error as its text. */
async function read(port: number, options: ClientOptions = {}): Promise<string[]> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  const { path, requestSerialize, responseDeserialize } = METHOD;
  const heard: string[] = [];
  try {
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
    for await (const message of call as AsyncIterable<Buffer>) heard.push(hash(message));
  } catch (error) {
    heard.push(String(error));
  } finally {
    client.close();
  }
  return heard;
}

/** What a client hears that announces these encodings: the one of the call, and each message's flag and octets. */
async function frames(port: number, encodings: string | undefined): Promise<unknown[]> {
  const session = connect(`http://127.0.0.1:${port}`);
  // How the server goes does not matter.
  session.on('error', () => {});
  const stream = session.request({
    ':method': 'POST',
    ':path': METHOD.path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...(encodings !== undefined && { 'grpc-accept-encoding': encodings }),
  });
  stream.end();
  const chunks: Buffer[] = [];
  let encoding: unknown;
  stream.on('response', (headers) => {
    encoding = headers['grpc-encoding'];
  });
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  session.destroy();
  const heard: unknown[] = [encoding];
  for (let bytes = Buffer.concat(chunks); bytes.length > 0; ) {
    const end = 5 + bytes.readUInt32BE(1);
    const content = bytes.subarray(5, end);
    heard.push(bytes[0] === 1 ? `deflate ${hash(inflateSync(content))}` : hash(content));
    bytes = bytes.subarray(end);
  }
  return heard;
}

describe('over a call of grpc-js', () => {
  it.each([false, true])('sends messages of any size, in order and whole (compressed: %s)', async (compressed) => {
    const messages = SIZES.map(([length, piece]) => message(gathered(length, piece), compressed));
    const { port, end } = await serve(true, messages);
    try {
      expect(await read(port)).toEqual(messages.map((one) => hash(one.plain().toBuffer())));
    } finally {
      end();
    }
  });

  const plain = gathered(100_000, 999);
  const small = gathered(10, 10);
  const TEXTS = [hash(plain.toBuffer()), hash(small.toBuffer())] as const;
  it.each<[encodings: string | undefined, compress: boolean, heard: readonly string[]]>([
    [undefined, true, ['identity', ...TEXTS]],
    ['identity', true, ['identity', ...TEXTS]],
    ['gzip', true, ['identity', ...TEXTS]],
    ['x-deflate,deflated', true, ['identity', ...TEXTS]],
    ['deflate', true, ['deflate', `deflate ${TEXTS[0]}`, TEXTS[1]]],
    ['identity, deflate, gzip', true, ['deflate', `deflate ${TEXTS[0]}`, TEXTS[1]]],
    ['identity,deflate,gzip', false, ['identity', ...TEXTS]],
  ])('a client that announces %s; compressing: %s', async (encodings, compress, heard) => {
    const { port, end } = await serve(compress, [message(plain, true), message(small, false)]);
    try {
      expect(await frames(port, encodings)).toEqual(heard);
    } finally {
      end();
    }
  });

  it('a client that takes so much and no more is not made to take more by what it inflates to', async () => {
    const bomb = message(new Gathered([Buffer.alloc(50_000_000)]), true);
    const { port, end } = await serve(true, [bomb]);
    try {
      expect(await read(port, { 'grpc.max_receive_message_length': 1_000_000 })).toEqual([
        expect.stringContaining('RESOURCE_EXHAUSTED'),
      ]);
    } finally {
      end();
    }
  });
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
