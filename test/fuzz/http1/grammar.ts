import type { Seeded } from '../random.js';

/** Builds requests and responses that are nearly right: each part is usually sound, and now and then not. */

const METHODS = [
  'GET',
  'GET',
  'POST',
  'POST',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
  'CONNECT',
  'PATCH',
  'M-SEARCH',
  'get',
  'PRI',
  'GETX',
  '',
];
const TARGETS = [
  '/',
  '/',
  '/a',
  '/a/../b?c=d',
  '*',
  'http://a/',
  'http://b:80/x?y',
  'HTTP://a',
  'a:1',
  '//a',
  '/a b',
  '/\xe9',
  '/a#b',
  'x',
  '',
  '/%00',
  '/\t',
  'http://u@h/',
  'https:/a',
  '/?\x7f',
];
const VERSIONS = [
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/1.2',
  'HTTP/2.0',
  'http/1.1',
  'HTTP/1.1 ',
  'HTTP/1.10',
  'HTTP/0.9',
  'HTTP/11',
];
const NAMES = [
  'x',
  'X-Long-Name',
  'accept',
  'cookie',
  'Content-Type',
  'host',
  'te',
  'trailer',
  'x_y',
  '!#$',
  'x y',
  'x\t',
  ' x',
  '',
  'x\0',
  'x\xe9',
  'Content-Length ',
  'Transfer-Encoding\t',
  'Content_Length',
  'Expect',
];
const VALUES = [
  'a',
  '',
  ' a ',
  'a, b',
  '\ta\t',
  '"q"',
  '\xe9\xff',
  'a\x01',
  'a\0b',
  'a\rb',
  'a\nb',
  'a\r\n b',
  'a\r\n\tb',
  'chunked',
  '5',
  '100-continue',
  'close',
  'x'.repeat(70),
  'a\x7f',
];
const ENCODINGS = [
  'chunked',
  'chunked',
  'chunked',
  'Chunked',
  'CHUNKED',
  ' chunked',
  'chunked ',
  '\tchunked',
  'chunked,',
  ',chunked',
  'chunked, chunked',
  'gzip, chunked',
  'chunked, gzip',
  'identity',
  'xchunked',
  '"chunked"',
  'chunked;q=1',
  '\x0bchunked',
  'chun\x00ked',
  '',
  'chunked\r\n x',
  'identity, chunked',
];
const LENGTHS = [
  '0',
  '1',
  '3',
  '5',
  '05',
  '+5',
  '-1',
  '0x5',
  '5 ',
  ' 5',
  '5, 5',
  '5,6',
  '',
  '1e1',
  '18446744073709551616',
  '9007199254740993',
  '999999999999999',
  '5\t',
  '٥',
  '5\x0b',
  '1_0',
  '5;',
  '4294967297',
];
const CONNECTIONS = [
  'close',
  'keep-alive',
  'Keep-Alive',
  'upgrade',
  'Upgrade, close',
  'content-length',
  'transfer-encoding',
  'x',
  'close, x',
  'host',
  ' close ',
  ',close',
  'te',
  'closed',
  'keep-alive, upgrade',
];
const EOLS = [
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\n',
  '\r',
  '\r\r\n',
  '\n\r',
  '\r\n ',
  '\0\r\n',
];
const SEPARATORS = [': ', ': ', ': ', ': ', ':', ':', ':  ', ':\t', ' : ', '\t:', ' ', '', '::', ':\r\n '];
const BODIES = [
  '',
  'a',
  'abc',
  'hello',
  '0\r\n\r\n',
  'GET /smuggled HTTP/1.1\r\nHost: s\r\n\r\n',
  '\r\n',
  'POST / HTTP/1.1\r\n',
];

/** `often` is how often a part is taken from the odd ones: 1 in so many. */
interface Grammar {
  readonly random: Seeded;
  readonly often: number;
  readonly eol: string;
}

export function requests(random: Seeded): Buffer {
  const grammar = grammarOf(random);
  let text = '';
  for (let left = 1 + random.below(3); left > 0; left--) {
    if (random.oneIn(16)) text += random.pick(['\r\n', '\r\n\r\n', '\n', '\r', ' ', '\0']);
    text += request(grammar);
  }
  return Buffer.from(text, 'latin1');
}

export function responses(random: Seeded): Buffer {
  const grammar = grammarOf(random);
  let text = '';
  for (let left = 1 + random.below(3); left > 0; left--) text += response(grammar);
  return Buffer.from(text, 'latin1');
}

function grammarOf(random: Seeded): Grammar {
  return { random, often: random.pick([6, 20, 60, 1000]), eol: '\r\n' };
}

function request(grammar: Grammar): string {
  const { random } = grammar;
  const method = odd(grammar, METHODS, 9);
  const target = method === 'CONNECT' ? 'a:1' : odd(grammar, TARGETS, 4);
  const space = random.oneIn(grammar.often) ? random.pick(['  ', '\t', '', ' \x0b']) : ' ';
  const hosts = random.oneIn(grammar.often * 2) ? random.below(3) : 1;
  let head = `${method}${space}${target} ${odd(grammar, VERSIONS, 6)}${eol(grammar)}`;
  for (let i = 0; i < hosts; i++) head += line(grammar, 'Host', random.pick(['a', 'a', 'a', 'b:80', '', 'a b']));
  return head + fields(grammar) + framed(grammar);
}

const STATUSES = [
  '200 OK',
  '200 OK',
  '200 OK',
  '204 No Content',
  '304 Not Modified',
  '100 Continue',
  '101 Switching Protocols',
  '103 Early Hints',
  '200',
  '200 ',
  '404 Not\tFound',
  '500 \xe9',
  '099 x',
  '1000 x',
  '20 x',
  '2x0 x',
  '199 x',
  '599 \x00',
  ' 200 OK',
  '200\tOK',
  '205 Reset',
];

function response(grammar: Grammar): string {
  const { random } = grammar;
  const status = odd(grammar, STATUSES, 7);
  return `${odd(grammar, VERSIONS, 6)} ${status}${eol(grammar)}${random.oneIn(5) ? '' : fields(grammar)}${framed(grammar)}`;
}

/** From the whole list now and then, else from the first `sound` of it. */
function odd(grammar: Grammar, choices: readonly string[], sound: number): string {
  const { random, often } = grammar;
  return random.oneIn(often) ? random.pick(choices) : (choices[random.below(sound)] as string);
}

function eol({ random, often, eol: usual }: Grammar): string {
  return random.oneIn(often) ? random.pick(EOLS) : usual;
}

function line(grammar: Grammar, name: string, value: string): string {
  return `${name}${odd(grammar, SEPARATORS, 8)}${value}${eol(grammar)}`;
}

function fields(grammar: Grammar): string {
  const { random } = grammar;
  let text = '';
  for (let left = random.below(3); left > 0; left--)
    text += line(grammar, odd(grammar, NAMES, 5), odd(grammar, VALUES, 7));
  if (random.oneIn(8)) text += line(grammar, anyCase(random, 'Connection'), random.pick(CONNECTIONS));
  if (random.oneIn(16))
    text += line(grammar, 'Upgrade', random.pick(['websocket', 'h2c', 'foo', '', 'websocket, h2c']));
  if (random.oneIn(16)) text += line(grammar, 'Expect', random.pick(['100-continue', '100-Continue', 'x']));
  return text;
}

/** The fields that frame the message, the end of the head, and a body that fits, or does not. */
function framed(grammar: Grammar): string {
  const { random, often } = grammar;
  const body = random.pick(BODIES);
  const end = eol(grammar);
  const length = (): string =>
    line(grammar, anyCase(random, 'Content-Length'), random.oneIn(often) ? random.pick(LENGTHS) : String(body.length));
  const encoding = (): string => line(grammar, anyCase(random, 'Transfer-Encoding'), odd(grammar, ENCODINGS, 3));
  switch (random.below(8)) {
    case 0:
    case 1:
      return `${length()}${end}${body}`;
    case 2:
    case 3:
    case 4:
      return `${encoding()}${end}${chunks(grammar)}`;
    case 5:
      if (!random.oneIn(often)) return end;
      return random.oneIn(2)
        ? `${length()}${encoding()}${end}${chunks(grammar)}`
        : `${encoding()}${length()}${end}${body}`;
    case 6:
      return random.oneIn(often) ? `${length()}${length()}${end}${body}` : end;
    default:
      return random.oneIn(often) ? `${encoding()}${encoding()}${end}${chunks(grammar)}` : end;
  }
}

function chunks(grammar: Grammar): string {
  const { random, often } = grammar;
  let text = '';
  for (let left = random.below(4); left > 0; left--) {
    const data = random.pick(['a', 'abc', 'hello', '0\r\n\r\n', 'x'.repeat(17)]);
    text += `${size(grammar, data.length)}${extension(grammar)}${eol(grammar)}${data}${eol(grammar)}`;
  }
  if (random.oneIn(often)) return text;
  text += `${odd(grammar, ['0', '0', '0', '00', '000000000000000000', '0 ', ' 0', '-0', '0x0', '0000'], 4)}${extension(grammar)}${eol(grammar)}`;
  if (random.oneIn(4)) text += line(grammar, odd(grammar, NAMES, 5), odd(grammar, VALUES, 7));
  return text + eol(grammar);
}

function size({ random, often }: Grammar, length: number): string {
  const hex = length.toString(16);
  if (random.oneIn(4)) return random.pick([hex.toUpperCase(), `0${hex}`, `000${hex}`]);
  if (!random.oneIn(often)) return hex;
  return random.pick([
    `0x${hex}`,
    `+${hex}`,
    ` ${hex}`,
    `${hex} `,
    `${hex}\t`,
    '',
    'g',
    `${hex}_`,
    'ffffffffffffffff',
    '10000000000000000',
    'fffffffffffff',
    `${'0'.repeat(30)}${hex}`,
    '-1',
    String(length + 1),
  ]);
}

function extension({ random, often }: Grammar): string {
  if (!random.oneIn(8)) return '';
  if (!random.oneIn(often)) return random.pick([';a', ';a=b', ';a="b"', ';a=b;c=d', ';a="b;c"']);
  return random.pick([
    ';',
    ' ;a',
    ';a=\n',
    ';a="\r\n"',
    ';\r',
    ';a=\x00',
    ';\xe9',
    ';a="\\""',
    '; a = b',
    ';a="b',
    ';=b',
    ';;',
    ',a',
    ';a\n5',
  ]);
}

function anyCase(random: Seeded, name: string): string {
  if (!random.oneIn(6)) return name;
  return random.oneIn(2) ? name.toLowerCase() : name.toUpperCase();
}
