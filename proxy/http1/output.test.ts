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

it('writes text and small pieces of a tick in their order', async () => {
  const { socket, writes } = recorder();
  const output = new Output(socket);
  for (const piece of ['one', 'two']) {
    output.text(`${piece.length}\r\n`);
    output.bytes(Buffer.from(piece));
    output.text('\r\n');
  }
  output.text('0\r\n\r\n');
  await turn();
  expect(writes).toEqual(['3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n']);
});

it('does not write again into what a slow socket still has', async () => {
  const kept: Buffer[] = [];
  const slow = new Writable({ highWaterMark: 1 << 20, write: (chunk: Buffer) => void kept.push(chunk) });
  const first = new Output(slow as unknown as Socket);
  first.text('head ');
  first.bytes(Buffer.from('body'));
  await turn();
  const { socket, writes } = recorder();
  const second = new Output(socket);
  for (let i = 0; i < 3; i++) {
    second.text('HEAD ');
    second.bytes(Buffer.from('BODY'));
    await turn();
  }
  expect(writes).toEqual(['HEAD BODY', 'HEAD BODY', 'HEAD BODY']);
  expect(kept.map(String)).toEqual(['head body']);
});
