import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect, it } from 'vitest';
import { issuePeerToken } from '../observe/peer-token.js';
import { Sessions } from './sessions.js';

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const at = (ms: number) => ({ now: () => ms, monotonic: () => ms, after: () => ({ cancel: () => {} }) });
const key = newKey();
const replica = (ms = 0, own: KeyObject | undefined = key): Sessions =>
  new Sessions(
    (token) => Promise.resolve(token === 'right'),
    at(ms),
    () => own,
  );

async function idOf(sessions: Sessions): Promise<string> {
  const result = await sessions.login('right');
  return result.kind === 'session' ? result.id : result.kind;
}

it('knows at every replica who has logged in at one, for eight hours', async () => {
  const id = await idOf(replica());
  expect(await replica(1000).has(id)).toBe(true);
  expect(await replica(8 * 3_600_000 - 1000).has(id)).toBe(true);
  expect(await replica(8 * 3_600_000 + 1000).has(id)).toBe(false);
});

it('knows nobody by what somebody else signed, or was signed for something else', async () => {
  const id = await idOf(replica());
  expect(await replica(0, newKey()).has(id)).toBe(false);
  expect(
    await new Sessions(
      () => Promise.resolve(true),
      at(0),
      () => undefined,
    ).has(id),
  ).toBe(false);
  expect(await replica().has(await issuePeerToken(key, at(0)))).toBe(false);
  for (const wrong of ['', 'x', `${id}x`, id.replace(/\.[^.]+$/, '.'), 'x'.repeat(5000)])
    expect(await replica().has(wrong)).toBe(false);
});

it('slows down who guesses, and says when nobody can be let in', async () => {
  const sessions = replica();
  for (let guess = 0; guess < 10; guess++) expect(await sessions.login('wrong')).toEqual({ kind: 'refused' });
  expect(await sessions.login('right')).toEqual({ kind: 'too-many' });
  const early = new Sessions(
    () => Promise.resolve(true),
    at(0),
    () => undefined,
  );
  await expect(early.login('right')).rejects.toThrow('not there yet');
});
