import { describe, expect, it } from 'vitest';
import type { HeaderList } from '../http/headers.js';
import { BodyDecoder } from './body-decoder.js';

class Recorder {
  body = '';
  ends = 0;
  calls = 0;
  trailers: HeaderList | undefined;

  onBody(chunk: Buffer, end: boolean): void {
    this.calls++;
    this.body += chunk.toString('latin1');
    if (end) this.ends++;
  }
  onTrailers(trailers: HeaderList): void {
    this.ends++;
    this.trailers = trailers;
  }
}

/** Decodes `input` cut into pieces of `size` and returns what was seen and what was left over. */
function decode(input: string, size: number, start: (decoder: BodyDecoder) => void): { seen: Recorder; rest: string } {
  const decoder = new BodyDecoder();
  start(decoder);
  const seen = new Recorder();
  const bytes = Buffer.from(input, 'latin1');
  for (let at = 0; at < bytes.length; at += size) {
    const packet = bytes.subarray(at, at + size);
    const used = decoder.push(packet, 0, seen);
    if (decoder.done) return { seen, rest: bytes.subarray(at + used).toString('latin1') };
  }
  return { seen, rest: '' };
}

const SIZES = [1, 2, 3, 5, 7, 1000];

describe('BodyDecoder', () => {
  it.each(SIZES)('decodes chunks in packets of %i bytes and leaves what follows', (size) => {
    const input = '5\r\nhello\r\n00A;ext="x"\r\n, world!!!\r\n0\r\n\r\nGET /';
    const { seen, rest } = decode(input, size, (decoder) => decoder.startChunked());
    expect([seen.body, seen.ends, rest]).toEqual(['hello, world!!!', 1, 'GET /']);
  });

  it.each(SIZES)('decodes trailers in packets of %i bytes', (size) => {
    const input = '1\r\na\r\n0\r\nX-One: 1\r\nContent-Length: 9\r\nx-two:2\r\n\r\nrest';
    const { seen, rest } = decode(input, size, (decoder) => decoder.startChunked());
    expect([seen.body, seen.ends, rest]).toEqual(['a', 1, 'rest']);
    expect([seen.trailers?.get('x-one'), seen.trailers?.get('x-two')]).toEqual(['1', '2']);
  });

  it('gives the last chunk and the end in one call when they came together', () => {
    const { seen } = decode('5\r\nhello\r\n0\r\n\r\n', 1000, (decoder) => decoder.startChunked());
    expect([seen.calls, seen.ends]).toEqual([1, 1]);
  });

  it.each(SIZES)('takes exactly the length in packets of %i bytes', (size) => {
    const { seen, rest } = decode('hello world', size, (decoder) => decoder.startLength(5));
    expect([seen.body, seen.ends, rest]).toEqual(['hello', 1, ' world']);
  });

  it('keeps what only a head may say out of trailers', () => {
    const fields = [
      'X-Forwarded-Client-Cert: URI=spiffe://cluster.local/ns/a/sa/admin',
      'Content-Length: 9',
      'Authorization: Basic YTpi',
      'Cookie: a=b',
      'x-envoy-original-path: /admin',
      'X-FORWARDED-FOR: 10.0.0.1',
      'grpc-status: 0',
      'x-sum: 1',
    ];
    const { seen } = decode(`0\r\n${fields.join('\r\n')}\r\n\r\n`, 1000, (decoder) => decoder.startChunked());
    const { trailers } = seen;
    expect(Array.from({ length: trailers?.size ?? 0 }, (_, i) => trailers?.keyAt(i))).toEqual(['grpc-status', 'x-sum']);
  });

  it('limits trailers', () => {
    const input = `0\r\n${'x: y\r\n'.repeat(101)}\r\n`;
    expect(() => decode(input, 1000, (decoder) => decoder.startChunked())).toThrow('http1.too_many_headers');
    const long = `0\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`;
    expect(() => decode(long, 1000, (decoder) => decoder.startChunked())).toThrow('http1.trailers_too_large');
  });
});
