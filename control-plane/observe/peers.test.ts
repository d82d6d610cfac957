import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { JoinedView } from './joined-view.js';
import type { LocalView } from './local-view.js';
import { issuePeerToken, verifyPeerToken } from './peer-token.js';
import { edge } from './testing.js';

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const at = (ms: number) => ({ now: () => ms, monotonic: () => ms, after: () => ({ cancel: () => {} }) });

it('believes replicas that have the same authority, for a minute', async () => {
  const key = newKey();
  const token = await issuePeerToken(key, at(1_000_000));
  await expect(verifyPeerToken(token, key, at(1_030_000))).resolves.toBeUndefined();
  await expect(verifyPeerToken(token, newKey(), at(1_030_000))).rejects.toThrow();
  await expect(verifyPeerToken(token, key, at(1_200_000))).rejects.toThrow();
  await expect(verifyPeerToken('', key, at(1_030_000))).rejects.toThrow();
});

it('joins what all replicas know, and tells who does not answer', async () => {
  const local = {
    history: {
      source: 'samples',
      oldest: () => 0,
      latest: () => 10,
      stepOf: () => 2,
      sums: () => Promise.resolve({ value: [edge({ count: 1 })], notes: [] }),
      steps: () => Promise.resolve({ value: [[edge({ count: 1 })], []], notes: [] }),
    },
    has: (key: string) => key === 'default/here',
    ask: () => Promise.resolve({ status: 200, body: [Buffer.from('here')] }),
    proxies: () => Promise.resolve({ value: [{ key: 'default/here' }], notes: [] }),
  } as unknown as LocalView;
  const answers: Readonly<Record<string, unknown>> = {
    '/sums': { value: [edge({ count: 2 })], notes: [] },
    '/steps': { value: [[], [edge({ count: 2 })]], notes: [] },
    '/proxies': { value: [{ key: 'default/there' }], notes: [] },
    '/proxy': 'there',
  };
  const view = new JoinedView(local, {
    targets: () => ['10.0.0.1:15012', '10.0.0.2:15012'],
    ask: (target, path) =>
      target.startsWith('10.0.0.1')
        ? Promise.reject(new Error('gone'))
        : Promise.resolve({
            status: 200,
            body: (async function* () {
              yield Buffer.from(JSON.stringify(answers[path.split('?')[0] ?? '']));
            })(),
          }),
  });
  const { value, notes } = await view.history.sums({ from: 0, to: 10 });
  expect(value.map(({ latency }) => latency.count)).toEqual([1, 2]);
  expect(notes).toEqual(['the replica at 10.0.0.1:15012 does not tell what it knows: gone']);
  const steps = await view.history.steps({ from: 0, to: 4 }, 2);
  expect(steps.value.map((edges) => edges.length)).toEqual([1, 1]);
  expect((await view.proxies()).value.map(({ key }) => key)).toEqual(['default/here', 'default/there']);
  const text = async (key: string) => {
    const parts: Buffer[] = [];
    for await (const part of (await view.ask(key, '/certs', AbortSignal.timeout(1000))).body) parts.push(part);
    return Buffer.concat(parts).toString();
  };
  expect(await text('default/here')).toBe('here');
  expect(await text('default/there')).toBe('"there"');
});
