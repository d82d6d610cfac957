import { describe, expect, it } from 'vitest';
import { HeaderList } from '../http/headers.js';
import { Framing, parseFields } from './fields.js';

function parse(framing: Framing, text: string): [name: string, key: string, value: string][] {
  const headers = new HeaderList();
  framing.reset();
  parseFields(text, 0, headers, framing, 100);
  return Array.from({ length: headers.size }, (_, i) => [headers.nameAt(i), headers.keyAt(i), headers.valueAt(i)]);
}

describe('fields of one head after the other on a connection', () => {
  it.each([
    ['the same names', 'Accept: a\r\nX-Id: 1\r\n', 'Accept: b\r\nX-Id: 2\r\n'],
    ['a name that begins with the one before', 'Accept: a\r\n', 'Accept-Encoding: b\r\n'],
    ['a name that is the beginning of the one before', 'Accept-Encoding: a\r\n', 'Accept: b\r\n'],
    ['another case', 'Accept: a\r\n', 'ACCEPT: b\r\n'],
    ['another order', 'X-A: 1\r\nX-B: 2\r\n', 'X-B: 3\r\nX-A: 4\r\n'],
    ['a colon within the value', 'X-A: 1\r\n', 'X-A: X-A: 1\r\n'],
    ['more than are remembered', heads(40, 'first'), heads(40, 'second')],
    ['a name too long to remember', `${'n'.repeat(80)}: 1\r\nX-A: 1\r\n`, `${'n'.repeat(80)}: 2\r\nX-A: 2\r\n`],
  ])('%s', (_, first, second) => {
    const framing = new Framing();
    parse(framing, first);
    expect(parse(framing, second)).toEqual(parse(new Framing(), second));
  });

  it.each(['Accept : b\r\n', 'Accept\r\n', ': b\r\n', 'Acc ept: b\r\n'])('refuses %j after a good head', (bad) => {
    const framing = new Framing();
    parse(framing, 'Accept: a\r\n');
    expect(() => parse(framing, bad)).toThrow();
  });

  it('acts on fields that frame the message in each head', () => {
    const framing = new Framing();
    parse(framing, 'Content-Length: 5\r\n');
    parse(framing, 'Content-Length: 7\r\n');
    expect(framing.contentLength).toBe(7);
    expect(() => parse(framing, 'Content-Length: 7\r\nContent-Length: 7\r\n')).toThrow();
  });
});

function heads(count: number, value: string): string {
  return Array.from({ length: count }, (_, i) => `X-${i}: ${value}\r\n`).join('');
}
