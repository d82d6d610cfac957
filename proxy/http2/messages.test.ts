import { describe, expect, it } from 'vitest';
import { Field } from './fields.js';
import { MALFORMED, readTrailers } from './messages.js';

describe('trailers', () => {
  it('bring no field that only a head may have, lest an application takes it for one that was checked', () => {
    const fields = ['content-length', 'x-forwarded-client-cert', 'authorization', 'host', 'grpc-status'];
    const trailers = readTrailers(
      fields.map((name) => new Field(name, '0', name.toLowerCase())),
      false,
    );
    if (trailers === MALFORMED) throw new Error('malformed');
    expect(trailers.size).toBe(1);
    expect(trailers.get('grpc-status')).toBe('0');
  });
});
