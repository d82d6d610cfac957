import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { BodyReader } from './body-reader.js';

const LIMITS = { each: 100, small: 10, together: 150 };

/** A request whose body comes as the test writes it. */
function incoming(headers: Readonly<Record<string, string>> = {}): PassThrough & IncomingMessage {
  return Object.assign(new PassThrough(), { headers }) as unknown as PassThrough & IncomingMessage;
}

function bodyOf(bytes: number): PassThrough & IncomingMessage {
  const request = incoming();
  request.write('x'.repeat(bytes));
  return request;
}

const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

it.each([
  ['told', incoming({ 'content-length': '101' }), 'too-long'],
  ['not told', bodyOf(101), 'too-long'],
])('reads none that is longer than it may be, %s', async (_what, request, outcome) => {
  expect(await new BodyReader(LIMITS).read(request)).toBe(outcome);
});

it('lets large ones share what there is, and keeps no small one out', async () => {
  const reader = new BodyReader(LIMITS);
  const first = bodyOf(90);
  const held = reader.read(first);
  await settled();
  expect(await reader.read(bodyOf(61))).toBe('busy');
  const small = bodyOf(9);
  small.end('x');
  expect(await reader.read(small)).toEqual({ text: 'x'.repeat(10) });
  first.end();
  expect(await held).toEqual({ text: 'x'.repeat(90) });
  const next = bodyOf(61);
  next.end();
  expect(await reader.read(next)).toEqual({ text: 'x'.repeat(61) });
});

it('gives back what one held that broke off', async () => {
  const reader = new BodyReader(LIMITS);
  const broken = bodyOf(100);
  const reading = reader.read(broken);
  await settled();
  broken.destroy(new Error('aborted'));
  expect(await reading).toBe('broken-off');
  const next = bodyOf(100);
  next.end();
  expect(await reader.read(next)).toEqual({ text: 'x'.repeat(100) });
});
