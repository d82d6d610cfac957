import { closeFrame, OP, wsFrame } from './websocket-frames.js';

/** What a WebSocket server must make of what a client sends (RFC 6455), in the manner of the Autobahn test suite. */
export interface WsCase {
  readonly name: string;
  /** Frames in the order in which they are sent; `cut` sends them in pieces of so many bytes. */
  readonly send: readonly Buffer[];
  readonly cut?: number;
  /** Messages and pongs that come back, in order, each as its opcode and payload. */
  readonly expect?: readonly (readonly [opcode: number, payload: Buffer])[];
  /** Status of the close frame; 1000 by default, 1005 for one without. */
  readonly close?: number;
}

const BYE = closeFrame(1000);
const bytes = (length: number): Buffer => Buffer.alloc(length, 0x2a);
const text = (value: string): readonly [number, Buffer] => [OP.TEXT, Buffer.from(value)];
const LENGTHS = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 1_048_576] as const;
const UNICODE = 'Hello-µ@ßöäüàá-UTF-8!! 𐍈';

const messages: WsCase[] = [
  ...LENGTHS.map((length) => ({
    name: `text of ${length} bytes`,
    send: [wsFrame(OP.TEXT, bytes(length)), BYE],
    expect: [[OP.TEXT, bytes(length)]] as const,
  })),
  ...LENGTHS.map((length) => ({
    name: `binary of ${length} bytes`,
    send: [wsFrame(OP.BINARY, Buffer.alloc(length, 0xfe)), BYE],
    expect: [[OP.BINARY, Buffer.alloc(length, 0xfe)]] as const,
  })),
  ...[1, 997, 4096].map((cut) => ({
    name: `text of 65536 bytes in pieces of ${cut}`,
    send: [wsFrame(OP.TEXT, bytes(65_536)), BYE],
    cut: cut === 1 ? 64 : cut,
    expect: [[OP.TEXT, bytes(65_536)]] as const,
  })),
  {
    name: 'a text octet by octet',
    send: [wsFrame(OP.TEXT, UNICODE), BYE],
    cut: 1,
    expect: [text(UNICODE)],
  },
  {
    name: 'a hundred messages in one packet',
    send: [Buffer.concat(Array.from({ length: 100 }, (_, i) => wsFrame(OP.TEXT, `m${i}`))), BYE],
    expect: Array.from({ length: 100 }, (_, i) => text(`m${i}`)),
  },
];

const pings: WsCase[] = [
  ...[0, 5, 125].map((length) => ({
    name: `ping with ${length} bytes`,
    send: [wsFrame(OP.PING, bytes(length)), BYE],
    expect: [[OP.PONG, bytes(length)]] as const,
  })),
  { name: 'ping with 126 bytes', send: [wsFrame(OP.PING, bytes(126))], close: 1002 },
  { name: 'a pong that nobody asked for', send: [wsFrame(OP.PONG, 'x'), BYE] },
  {
    name: 'a pong that nobody asked for, then a ping',
    send: [wsFrame(OP.PONG, 'x'), wsFrame(OP.PING, 'y'), BYE],
    expect: [[OP.PONG, Buffer.from('y')]],
  },
  {
    name: 'ten pings',
    send: [...Array.from({ length: 10 }, (_, i) => wsFrame(OP.PING, `p${i}`)), BYE],
    expect: Array.from({ length: 10 }, (_, i) => [OP.PONG, Buffer.from(`p${i}`)] as const),
  },
  {
    name: 'ten pings octet by octet',
    send: [...Array.from({ length: 10 }, (_, i) => wsFrame(OP.PING, `p${i}`)), BYE],
    cut: 1,
    expect: Array.from({ length: 10 }, (_, i) => [OP.PONG, Buffer.from(`p${i}`)] as const),
  },
];

const reserved: WsCase[] = [
  ...[1, 2, 4, 7].map((bits) => ({
    name: `reserved bits ${bits}`,
    send: [wsFrame(OP.TEXT, 'x', { reserved: bits })],
    close: 1002,
  })),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => ({
    name: `reserved opcode ${opcode}`,
    send: [wsFrame(opcode, 'x')],
    close: 1002,
  })),
  { name: 'a frame without a mask', send: [wsFrame(OP.TEXT, 'x', { masked: false })], close: 1002 },
];

const part = (opcode: number, payload: string, fin = false): Buffer => wsFrame(opcode, payload, { fin });
const fragments: WsCase[] = [
  { name: 'a ping in fragments', send: [part(OP.PING, 'a'), part(OP.CONTINUATION, 'b', true)], close: 1002 },
  { name: 'a close in fragments', send: [wsFrame(OP.CLOSE, '', { fin: false })], close: 1002 },
  {
    name: 'a text in two fragments',
    send: [part(OP.TEXT, 'one'), part(OP.CONTINUATION, 'two', true), BYE],
    expect: [text('onetwo')],
  },
  {
    name: 'a ping between fragments is answered at once',
    send: [part(OP.TEXT, 'one'), wsFrame(OP.PING, 'p'), part(OP.CONTINUATION, 'two', true), BYE],
    expect: [[OP.PONG, Buffer.from('p')], text('onetwo')],
  },
  {
    name: 'empty fragments',
    send: [part(OP.TEXT, ''), part(OP.CONTINUATION, ''), part(OP.CONTINUATION, '', true), BYE],
    expect: [text('')],
  },
  { name: 'a continuation of nothing', send: [part(OP.CONTINUATION, 'x', true)], close: 1002 },
  { name: 'an unfinished continuation of nothing', send: [part(OP.CONTINUATION, 'x')], close: 1002 },
  { name: 'a new text within fragments', send: [part(OP.TEXT, 'a'), part(OP.TEXT, 'b', true)], close: 1002 },
  {
    name: 'a thousand fragments',
    send: [
      part(OP.TEXT, 'x'),
      Buffer.concat(Array.from({ length: 998 }, () => part(OP.CONTINUATION, 'x'))),
      part(OP.CONTINUATION, 'x', true),
      BYE,
    ],
    expect: [text('x'.repeat(1000))],
  },
];

const raw = (...values: number[]): Buffer => Buffer.from(values);
const utf8: WsCase[] = [
  { name: 'UTF-8 of all lengths', send: [wsFrame(OP.TEXT, UNICODE), BYE], expect: [text(UNICODE)] },
  {
    name: 'a character cut by fragments',
    send: [wsFrame(OP.TEXT, raw(0xce, 0xba, 0xe1), { fin: false }), wsFrame(OP.CONTINUATION, raw(0xbd, 0xb9)), BYE],
    expect: [[OP.TEXT, raw(0xce, 0xba, 0xe1, 0xbd, 0xb9)]],
  },
  ...(
    [
      ['a surrogate', raw(0xed, 0xa0, 0x80)],
      ['an overlong slash', raw(0xc0, 0xaf)],
      ['above U+10FFFF', raw(0xf4, 0x90, 0x80, 0x80)],
      ['a lone continuation', raw(0x80)],
      ['cut short', raw(0xe1, 0xbd)],
      ['0xfe', raw(0xfe)],
    ] as const
  ).map(([name, payload]) => ({ name: `not UTF-8: ${name}`, send: [wsFrame(OP.TEXT, payload)], close: 1007 })),
];

const closes: WsCase[] = [
  { name: 'close without a status', send: [wsFrame(OP.CLOSE, '')], close: 1005 },
  { name: 'close with one byte', send: [wsFrame(OP.CLOSE, 'x')], close: 1002 },
  { name: 'close with a reason', send: [closeFrame(1000, 'bye')], close: 1000 },
  { name: 'close with the longest reason', send: [closeFrame(1000, 'r'.repeat(123))], close: 1000 },
  { name: 'close with too long a reason', send: [closeFrame(1000, 'r'.repeat(124))], close: 1002 },
  { name: 'close with a reason that is not UTF-8', send: [closeFrame(1000, raw(0xc0, 0xaf))], close: 1007 },
  ...[1001, 1003, 1007, 1011, 3000, 3999, 4000, 4999].map((code) => ({
    name: `close ${code}`,
    send: [closeFrame(code)],
    close: code,
  })),
  ...[0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999].map((code) => ({
    name: `close ${code}, which nobody may send`,
    send: [closeFrame(code)],
    close: 1002,
  })),
  { name: 'nothing after a close', send: [BYE, wsFrame(OP.TEXT, 'late'), wsFrame(OP.PING, 'late')] },
];

export const CASES: readonly WsCase[] = [...messages, ...pings, ...reserved, ...fragments, ...utf8, ...closes];
