import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { Output } from './output.js';

/** What a socket is given, one entry a write. */
function recorder(): { socket: Socket; writes: string[] } {
  const writes: string[] = [];
  const socket = new Writable({
    highWaterMark: 1 << 20,
    write: (chunk: Buffer, _encoding, done) => {
      writes.push(chunk.toString('latin1'));
      done();
    },
    writev: (chunks: { chunk: Buffer }[], done) => {
      writes.push(chunks.map(({ chunk }) => chunk.toString('latin1')).join(''));
      done();
    },
  });
  return { socket: socket as unknown as Socket, writes };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('gathers large pieces of a turn into one write, in order with the text around them', async () => {
  const { socket, writes } = recorder();
  const output = new Output(socket);
  const [a, b] = ['a'.repeat(16_000), 'b'.repeat(16_000)];
  output.text('head ');
  output.bytes(Buffer.from(a));
  await Promise.resolve();
  output.bytes(Buffer.from(b));
  output.text(' trailer');
  await turn();
  await turn();
  expect(writes).toEqual([`head ${a}${b} trailer`]);
});

it('writes text at the end of the tick, and much at once', async () => {
  const { socket, writes } = recorder();
  const output = new Output(socket);
  output.text('x');
  await new Promise((resolve) => process.nextTick(resolve));
  expect(writes).toEqual(['x']);
  output.bytes(Buffer.alloc(64 * 1024));
  expect(writes.length).toBe(2);
});

it('writes everything before it ends', async () => {
  const { socket, writes } = recorder();
  const output = new Output(socket);
  const piece = 'p'.repeat(10_000);
  output.bytes(Buffer.from(piece));
  output.end();
  await turn();
  expect(writes.join('')).toBe(piece);
  expect(socket.writableEnded).toBe(true);
});
