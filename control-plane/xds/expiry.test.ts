import { expect, it } from 'vitest';
import type { Clock } from '../../common/runtime/clock.js';
import { atExpiry } from './expiry.js';

/** Time that only moves when told to, with timers as coarse as a process has them. */
function stoppedClock(): Clock & { pass(ms: number): void } {
  let now = 1_000_000;
  let timers: { at: number; callback: () => void }[] = [];
  return {
    now: () => now,
    monotonic: () => now,
    after(ms, callback) {
      if (ms > 2 ** 31 - 1) throw new RangeError('a timer cannot wait that long');
      const timer = { at: now + ms, callback };
      timers.push(timer);
      return {
        cancel: () => {
          timers = timers.filter((other) => other !== timer);
        },
      };
    },
    pass(ms) {
      now += ms;
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const { callback } of due) callback();
    },
  };
}

it.each([
  ['an hour', 3_600_000],
  ['a year, which no timer holds', 365 * 86_400_000],
])('calls back once, some time after %s', (_what, life) => {
  const clock = stoppedClock();
  let calls = 0;
  atExpiry(
    clock.now() + life,
    clock,
    () => 0.5,
    () => calls++,
  );
  for (let passed = 0; passed < life; passed += 1_800_000) clock.pass(1_800_000);
  clock.pass(59_999);
  expect(calls).toBe(0);
  clock.pass(1);
  expect(calls).toBe(1);
  clock.pass(life);
  expect(calls).toBe(1);
});

it('is silent when cancelled', () => {
  const clock = stoppedClock();
  const timer = atExpiry(
    clock.now(),
    clock,
    () => 0,
    () => expect.unreachable(),
  );
  timer.cancel();
  clock.pass(1e9);
});
