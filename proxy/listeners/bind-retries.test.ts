import { expect, it } from 'vitest';
import { BindRetries } from './bind-retries.js';

function retries() {
  const timers: { ms: number; callback: () => void; cancelled: boolean }[] = [];
  const waiting = new BindRetries({
    now: () => 0,
    monotonic: () => 0,
    after: (ms, callback) => {
      const timer = { ms, callback, cancelled: false };
      timers.push(timer);
      return { cancel: () => (timer.cancelled = true) };
    },
  });
  const fire = async (): Promise<void> => {
    timers.at(-1)?.callback();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { waiting, timers, fire };
}

it('tries ever more seldom, until it has bound', async () => {
  const { waiting, timers, fire } = retries();
  let attempts = 0;
  waiting.start(
    'in',
    () => Promise.resolve(++attempts === 7),
    (work) => work(),
  );
  for (let i = 0; i < 7; i++) await fire();
  expect(timers.map(({ ms }) => ms / 1000)).toEqual([1, 2, 4, 8, 16, 30, 30]);
  expect(attempts).toBe(7);
});

it('gives up what is forgotten, also while an attempt waits for its turn', async () => {
  const { waiting, timers, fire } = retries();
  let attempts = 0;
  waiting.start(
    'in',
    () => Promise.resolve(++attempts < 0),
    (work) => {
      waiting.forget('in');
      return work();
    },
  );
  await fire();
  expect([attempts, timers.length, timers[0]?.cancelled]).toEqual([0, 1, true]);
});
