import { describe, expect, it } from 'vitest';
import type { FilterContext } from '../filters/filter.js';
import type { Edge } from './edge.js';
import { GrpcMessages } from './grpc-messages.js';

function message(bytes: number): Buffer {
  const frame = Buffer.alloc(5 + bytes, 0xff);
  frame[0] = 0;
  frame.writeUInt32BE(bytes, 1);
  return frame;
}

describe('GrpcMessages', () => {
  const whole = Buffer.concat([message(0), message(3), message(300), message(70_000), message(0)]);

  it.each([1, 2, 3, 4, 5, 7, 64, 1000, whole.length])('counts whole and in pieces of %d bytes', (size) => {
    const register = { beginCall: () => {}, endCall: () => {} };
    const messages = new GrpcMessages(register, {} as FilterContext, () => ({}) as Edge);
    for (let at = 0; at < whole.length; at += size) {
      const chunk = whole.subarray(at, at + size);
      expect(messages.onRequestData(chunk)).toBe(chunk);
    }
    messages.onResponseData(message(1));
    expect(messages.take()).toEqual({ requests: 5, responses: 1 });
    messages.onResponseData(message(1));
    expect(messages.take()).toEqual({ requests: 0, responses: 1 });
  });
});
