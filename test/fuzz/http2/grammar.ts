import { FRAME, PREFACE } from '../../../proxy/http2/constants.js';
import { frame } from '../../../proxy/http2/testing.js';
import type { Seeded } from '../random.js';
import { integer, literal, someFields } from './blocks.js';

/** Connections of HTTP/2 that are nearly right: whole exchanges of frames, now and then one that should not be there. */

const EMPTY = Buffer.alloc(0);

export function clientFrames(random: Seeded): Buffer {
  const often = random.pick([4, 12, 40, 1000]);
  const parts = [PREFACE, settings(random, often)];
  let id = 1;
  for (let left = 1 + random.below(4); left > 0; left--) {
    if (random.oneIn(often)) parts.push(nuisance(random, id));
    parts.push(request(random, id, often));
    id += random.oneIn(often) ? random.below(4) : 2;
  }
  return Buffer.concat(parts);
}

export function serverFrames(random: Seeded): Buffer {
  const often = random.pick([4, 12, 40, 1000]);
  const parts = [settings(random, often), frame(FRAME.SETTINGS, 1, 0, EMPTY)];
  for (const id of [1, 3, 5]) {
    if (random.oneIn(often)) parts.push(nuisance(random, id));
    parts.push(response(random, random.oneIn(often) ? random.below(9) : id, often));
  }
  return Buffer.concat(parts);
}

function settings(random: Seeded, often: number): Buffer {
  const entries: Buffer[] = [];
  for (let left = random.below(3); left > 0; left--) {
    const entry = Buffer.alloc(6);
    entry.writeUInt16BE(random.oneIn(often) ? random.below(12) : random.pick([1, 3, 4, 6]), 0);
    entry.writeUInt32BE(random.pick([0, 1, 100, 4096, 65_535, 1 << 20, 0x7fffffff, 0x80000000]), 2);
    entries.push(entry);
  }
  return frame(FRAME.SETTINGS, 0, 0, Buffer.concat(entries));
}

function request(random: Seeded, id: number, often: number): Buffer {
  const body = random.pick(['', '', 'a', 'hello', 'x'.repeat(300), 'GET /smuggled HTTP/1.1\r\nhost: s\r\n\r\n']);
  const head = [
    integer(body === '' ? 2 : 3, 7, 128),
    integer(6, 7, 128),
    random.oneIn(3) ? literal(random, ':path', path(random, often)) : integer(4, 7, 128),
    literal(random, ':authority', random.oneIn(often) ? random.pick(['', 'a b', 'a\r\nx: y', 'a/b']) : 'a'),
  ];
  if (random.oneIn(often)) head.splice(random.below(4), 1);
  if (body !== '' && random.oneIn(3)) {
    const said = random.oneIn(often) ? random.pick(['', '0', '+1', '1,1', '99', '-1']) : String(body.length);
    head.push(literal(random, 'content-length', said));
  }
  head.push(someFields(random, often));
  return message(random, id, often, Buffer.concat(head), Buffer.from(body));
}

function path(random: Seeded, often: number): string {
  if (!random.oneIn(often)) return random.pick(['/', '/a', '/a?b', '/a/../b']);
  return random.pick(['', '*', 'a', '/a b', '/ HTTP/1.1\r\nhost: b\r\n\r\n', '/\0', '/\xe9', 'http://a/', '/a#b']);
}

function response(random: Seeded, id: number, often: number): Buffer {
  const body = random.pick(['', 'a', 'hello', 'x'.repeat(300)]);
  const status = random.oneIn(often)
    ? literal(random, ':status', random.pick(['', '99', '101', '1000', '2x0', '100', '204']))
    : integer(8, 7, 128);
  const said = random.oneIn(4)
    ? literal(random, 'content-length', random.oneIn(often) ? '99' : String(body.length))
    : EMPTY;
  const informational = random.oneIn(10) ? headers(random, id, often, literal(random, ':status', '103'), false) : EMPTY;
  const head = Buffer.concat([status, said, someFields(random, often)]);
  return Buffer.concat([informational, message(random, id, often, head, Buffer.from(body))]);
}

function message(random: Seeded, id: number, often: number, head: Buffer, body: Buffer): Buffer {
  const trailers = random.oneIn(4);
  const parts = [headers(random, id, often, head, body.length === 0 && !trailers)];
  for (let at = 0; at < body.length; ) {
    const length = random.oneIn(2) ? body.length : 1 + random.below(body.length);
    const last = at + length >= body.length && !trailers;
    parts.push(data(random, id, often, body.subarray(at, at + length), last));
    at += length;
    if (random.oneIn(often)) parts.push(nuisance(random, id));
  }
  if (trailers) parts.push(headers(random, id, often, someFields(random, often), true));
  return Buffer.concat(parts);
}

function headers(random: Seeded, id: number, often: number, block: Buffer, end: boolean): Buffer {
  const flags = (end ? 1 : 0) | 4;
  const shape = random.below(6);
  if (shape === 0 && block.length > 1) {
    const at = 1 + random.below(block.length - 1);
    const first = frame(FRAME.HEADERS, flags & ~4, id, block.subarray(0, at));
    const between = random.oneIn(often) ? nuisance(random, id) : EMPTY;
    return Buffer.concat([first, between, frame(FRAME.CONTINUATION, 4, id, block.subarray(at))]);
  }
  if (shape === 1) return frame(FRAME.HEADERS, flags | 8, id, padded(random, often, block));
  if (shape === 2) {
    const priority = Buffer.alloc(5);
    if (random.oneIn(often)) priority.writeUInt32BE(id, 0);
    return frame(FRAME.HEADERS, flags | 32, id, Buffer.concat([priority, block]));
  }
  return frame(FRAME.HEADERS, flags, id, block);
}

function data(random: Seeded, id: number, often: number, bytes: Buffer, end: boolean): Buffer {
  if (!random.oneIn(4)) return frame(FRAME.DATA, end ? 1 : 0, id, bytes);
  return frame(FRAME.DATA, end ? 9 : 8, id, padded(random, often, bytes));
}

function padded(random: Seeded, often: number, bytes: Buffer): Buffer {
  const padding = random.below(5);
  const said = random.oneIn(often) ? random.below(256) : padding;
  return Buffer.concat([Buffer.of(said), bytes, Buffer.alloc(padding)]);
}

/** A frame of any type, with a payload of about the right length. */
function nuisance(random: Seeded, id: number): Buffer {
  const type = random.below(12);
  const lengths = [0, 4, 5, 4, 6, 4, 8, 8, 4, 3, 1, 9];
  const length = random.oneIn(4) ? random.below(12) : (lengths[type] ?? 0);
  const payload = random.oneIn(2) ? random.bytes(length) : Buffer.alloc(length, random.below(3));
  const connection = type === FRAME.SETTINGS || type === FRAME.PING || type === FRAME.GOAWAY;
  const stream = random.oneIn(4) ? random.pick([0, id, id + 2, 1, 2, 0x7fffffff]) : connection ? 0 : id;
  return frame(type, random.oneIn(2) ? 0 : random.below(64), stream, payload);
}
