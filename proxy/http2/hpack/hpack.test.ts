import { describe, expect, it } from 'vitest';
import { ConnectionError } from '../errors.js';
import { HpackDecoder } from './decoder.js';
import { HpackEncoder } from './encoder.js';
import { decodeHuffman } from './huffman.js';

const LIMITS = { maxListSize: 60 * 1024, maxFields: 100 };
const bytes = (hex: string): Buffer => Buffer.from(hex.replace(/\s/g, ''), 'hex');

function decodeAll(decoder: HpackDecoder, hex: string): string[] {
  return decoder.decode(bytes(hex)).fields.map(({ name, value }) => `${name}: ${value}`);
}

const REQUESTS = [
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
  [':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com', 'custom-key: custom-value'],
];
const RESPONSES = [
  [
    ':status: 302',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:21 GMT',
    'location: https://www.example.com',
  ],
  [
    ':status: 307',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:21 GMT',
    'location: https://www.example.com',
  ],
  [
    ':status: 200',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:22 GMT',
    'location: https://www.example.com',
    'content-encoding: gzip',
    'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
  ],
];

describe('HPACK decoding (RFC 7541 appendix C)', () => {
  it.each([
    [
      'C.2.1 literal, indexed',
      '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      'custom-key: custom-header',
    ],
    ['C.2.2 literal, not indexed', '040c 2f73 616d 706c 652f 7061 7468', ':path: /sample/path'],
    ['C.2.3 literal, never indexed', '1008 7061 7373 776f 7264 0673 6563 7265 74', 'password: secret'],
    ['C.2.4 indexed', '82', ':method: GET'],
  ])('%s', (_, hex, field) => {
    expect(decodeAll(new HpackDecoder(4096, LIMITS), hex)).toEqual([field]);
  });

  it.each([
    [
      'C.3 without Huffman',
      [
        '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        '8286 84be 5808 6e6f 2d63 6163 6865',
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
      ],
    ],
    [
      'C.4 with Huffman',
      [
        '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
        '8286 84be 5886 a8eb 1064 9cbf',
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
      ],
    ],
  ])('requests, %s', (_, blocks) => {
    const decoder = new HpackDecoder(4096, LIMITS);
    expect(blocks.map((hex) => decodeAll(decoder, hex))).toEqual(REQUESTS);
  });

  it('responses, C.6, with a table of 256 bytes that evicts', () => {
    const decoder = new HpackDecoder(256, LIMITS);
    const blocks = [
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    ];
    expect(blocks.map((hex) => decodeAll(decoder, hex))).toEqual(RESPONSES);
  });

  it.each([
    ['index 0', '80'],
    ['an index beyond the table', 'be'],
    ['a string longer than the block', '0005 61'],
    ['an integer that does not end', '1fff ffff ffff ffff'],
    ['a size update behind a field', '82 20'],
    ['a size update above the limit', '3fe2 1f'],
    ['Huffman padding of a whole byte', '0087 a8eb 1064 9cbf ff 81 07'],
    ['Huffman padding by zeros', '0081 18 81 07'],
    ['the end-of-string symbol', '0084 ffff ffff 81 07'],
  ])('refuses %s', (_, hex) => {
    expect(() => new HpackDecoder(4096, LIMITS).decode(bytes(hex))).toThrow(ConnectionError);
  });

  it('notices a list that is too large, keeps the table right, and ends a bomb', () => {
    const decoder = new HpackDecoder(4096, { maxListSize: 1000, maxFields: 10 });
    const encoder = new HpackEncoder();
    encoder.begin();
    for (let i = 0; i < 12; i++) encoder.field(`x-${i}`, 'v');
    const block = decoder.decode(Buffer.from(encoder.buffer.subarray(0, encoder.length)));
    expect([block.overflow, block.fields.length]).toEqual([true, 10]);
    encoder.begin();
    encoder.field('x-11', 'v');
    expect(decodeAll(decoder, encoder.buffer.subarray(0, encoder.length).toString('hex'))).toEqual(['x-11: v']);
    expect(() => decoder.decode(Buffer.alloc(200, 0xbe))).toThrow('header_bomb');
  });
});

describe('HPACK encoding', () => {
  it('is decoded to what was given, whatever is evicted or resized in between', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(16_384, LIMITS);
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let round = 0; round < 500; round++) {
      if (round % 50 === 10) encoder.setLimit([0, 100, 4096, 16_384, 300][random(5)] as number);
      const fields = Array.from({ length: 1 + random(20) }, (): [string, string] => [
        ['accept', ':path', 'x-request-id', 'cookie', `x-${random(30)}`, 'date'][random(6)] as string,
        'v'.repeat(random(60)) + random(40),
      ]);
      encoder.begin();
      for (const [name, value] of fields) encoder.field(name, value);
      const block = Buffer.from(encoder.buffer.subarray(0, encoder.length));
      expect(decoder.decode(block).fields.map(({ name, value }) => [name, value])).toEqual(fields);
    }
  });

  it('knows what has left the table where blocks are alike', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(16_384, LIMITS);
    const same = Array.from({ length: 40 }, (_, i): [string, string] => [`x-${i}`, 'v'.repeat(60)]);
    for (let round = 0; round < 60; round++) {
      // What is new pushes out what stood there before, from none to all of it.
      encoder.setLimit([16_384, 4096, 500, 16_384][(round >> 2) % 4] as number);
      const fields = same.map(([name, value], i): [string, string] => [
        name,
        (i * round) % 7 === 3 ? `${round}` : value,
      ]);
      encoder.begin();
      for (const [name, value] of fields) encoder.field(name, value);
      const block = Buffer.from(encoder.buffer.subarray(0, encoder.length));
      expect(decoder.decode(block).fields.map(({ name, value }) => [name, value])).toEqual(fields);
    }
  });

  it('sends what it sent before as one or two bytes, and secrets never by the table', () => {
    const encoder = new HpackEncoder();
    const encode = (name: string, value: string): Buffer => {
      encoder.begin();
      encoder.field(name, value);
      return Buffer.from(encoder.buffer.subarray(0, encoder.length));
    };
    encode('user-agent', 'test/1.0');
    expect(encode('user-agent', 'test/1.0').length).toBe(1);
    for (let i = 0; i < 2; i++) expect((encode('authorization', 'Basic x')[0] as number) & 0xf0).toBe(0x10);
    for (let i = 0; i < 2; i++) expect(encode('x-request-id', 'a').length).toBeGreaterThan(3);
  });
});

describe('Huffman', () => {
  it('reads all lengths of the code', () => {
    expect(decodeHuffman(bytes('a8eb10649cbf'), 0, 6)).toBe('no-cache');
    expect(decodeHuffman(bytes('ffff'), 0, 2)).toBeUndefined();
    expect(decodeHuffman(Buffer.alloc(0), 0, 0)).toBe('');
  });
});
