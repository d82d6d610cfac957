import { expect, it } from 'vitest';
import { BusyError, Gate } from './gate.js';

it('runs as many as may, lets as many wait as may, and refuses the rest', async () => {
  const gate = new Gate({ running: 2, waiting: 3 });
  const finish: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const task = async (): Promise<void> => {
    most = Math.max(most, ++running);
    await new Promise<void>((done) => finish.push(done));
    running--;
  };
  const results = Array.from({ length: 7 }, () =>
    gate.run(task).then(
      () => 'done',
      (error: unknown) => error,
    ),
  );
  expect(await results[5]).toBeInstanceOf(BusyError);
  expect(await results[6]).toBeInstanceOf(BusyError);
  for (let i = 0; i < 5; i++) {
    await expect.poll(() => finish.length).toBeGreaterThan(0);
    finish.shift()?.();
  }
  expect(await Promise.all(results.slice(0, 5))).toEqual(Array(5).fill('done'));
  expect(most).toBe(2);
  await expect(gate.run(() => Promise.reject(new Error('its own')))).rejects.toThrow('its own');
  expect(await gate.run(() => Promise.resolve('free again'))).toBe('free again');
});
