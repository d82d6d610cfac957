import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { FRAME, FRAME_HEADER } from './constants.js';
import { FrameOutput } from './output.js';

/** What a socket is given; one that takes nothing keeps it. */
function recorder(takes: boolean): { socket: Socket; writes: Buffer[] } {
  const writes: Buffer[] = [];
  const socket = new Writable({
    highWaterMark: 1 << 20,
    write: (chunk: Buffer, _encoding, done) => {
      writes.push(takes ? Buffer.from(chunk) : chunk);
      if (takes) done();
    },
  });
  return { socket: socket as unknown as Socket, writes };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const payloadOf = (bytes: number, letter: string): Buffer => Buffer.alloc(bytes, letter);
const textOf = (frame: Buffer | undefined): string => String(frame?.subarray(FRAME_HEADER));

it.each([100, 6000])('what a slow socket has of %i bytes is not written into, by whomever', async (bytes) => {
  const slow = recorder(false);
  const output = new FrameOutput(slow.socket);
  output.frame(FRAME.DATA, 0, 1, payloadOf(bytes, 'a'));
  await turn();
  output.frame(FRAME.DATA, 0, 1, payloadOf(bytes, 'b'));
  await turn();
  for (let i = 0; i < 3; i++) {
    const { socket, writes } = recorder(true);
    new FrameOutput(socket).frame(FRAME.DATA, 0, 1, payloadOf(bytes, 'c'));
    await turn();
    expect(textOf(writes[0])).toBe('c'.repeat(bytes));
  }
  expect(slow.writes.map(textOf)).toEqual(['a'.repeat(bytes)]);
});

it('frames of a turn leave in one write, however many', async () => {
  const { socket, writes } = recorder(true);
  const output = new FrameOutput(socket);
  for (let i = 0; i < 12; i++) output.frame(FRAME.DATA, 0, 1, payloadOf(4000, 'x'));
  await turn();
  output.windowUpdate(1, 7);
  await turn();
  expect(writes.map((write) => write.length)).toEqual([12 * (4000 + FRAME_HEADER), 4 + FRAME_HEADER]);
});

it('over TLS pieces of a body leave as one buffer, which is used again when the socket has called back', async () => {
  const given: { chunk: Buffer; done: () => void }[] = [];
  const write = (chunk: Buffer, _encoding: string, done: () => void): void => void given.push({ chunk, done });
  const socket = Object.assign(new Writable({ highWaterMark: 1 << 20, write }), { encrypted: true });
  const output = new FrameOutput(socket as unknown as Socket);
  const send = (letter: string): void => {
    for (let i = 0; i < 3; i++) output.frame(FRAME.DATA, 0, 1, payloadOf(16_000, letter));
  };
  send('a');
  await turn();
  send('b');
  await turn();
  expect(given.map(({ chunk }) => [chunk.length, chunk.toString('latin1', FRAME_HEADER, FRAME_HEADER + 1)])).toEqual([
    [3 * (16_000 + FRAME_HEADER), 'a'],
  ]);
  given[0]?.done();
  await turn();
  expect(textOf(given[1]?.chunk)).toMatch(/^b+/);
  send('c');
  await turn();
  given[1]?.done();
  await turn();
  expect(textOf(given[2]?.chunk)).toMatch(/^c+/);
  expect(given[2]?.chunk.buffer).toBe(given[0]?.chunk.buffer);
});
