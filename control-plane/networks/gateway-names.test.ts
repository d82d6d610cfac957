import { describe, expect, it } from 'vitest';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import { GatewayNames } from './gateway-names.js';

/** Timers that fire when the test says so. */
class Held implements Clock {
  readonly due: { ms: number; callback: () => void }[] = [];
  now = (): number => 0;
  monotonic = (): number => 0;
  after(ms: number, callback: () => void): Timer {
    const entry = { ms, callback };
    this.due.push(entry);
    return { cancel: () => void this.due.splice(this.due.indexOf(entry), 1) };
  }

  async fire(ms: number): Promise<void> {
    const [entry] = this.due.splice(
      this.due.findIndex((each) => each.ms === ms),
      1,
    );
    entry?.callback();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function watched(answers: Record<string, string[]>) {
  const clock = new Held();
  let changes = 0;
  const names = new GatewayNames({
    resolve: (name) => {
      const found = answers[name];
      return found === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(found);
    },
    onChange: () => changes++,
    clock,
    log: createLogger('test', 'silent'),
  });
  return { names, clock, answers, changed: () => changes };
}

describe('GatewayNames', () => {
  it('knows the addresses of names at once, and keeps the object while nothing changes', async () => {
    const { names, changed } = watched({ 'a.test': ['10.0.0.2', '10.0.0.1'] });
    const first = await names.of(['a.test']);
    expect(first).toEqual(new Map([['a.test', ['10.0.0.1', '10.0.0.2']]]));
    expect(await names.of(['a.test'])).toBe(first);
    expect(changed()).toBe(0);
  });

  it('looks again, tells of other addresses, and keeps what it has while nobody answers', async () => {
    const { names, clock, answers, changed } = watched({ 'a.test': ['10.0.0.1'] });
    await names.of(['a.test']);
    delete answers['a.test'];
    await clock.fire(30_000);
    expect(await names.of(['a.test'])).toEqual(new Map([['a.test', ['10.0.0.1']]]));
    answers['a.test'] = ['10.0.0.3'];
    await clock.fire(5_000);
    expect(changed()).toBe(1);
    expect(await names.of(['a.test'])).toEqual(new Map([['a.test', ['10.0.0.3']]]));
  });

  it('asks no more for a name that nobody wants', async () => {
    const { names, clock } = watched({ 'a.test': ['10.0.0.1'] });
    await names.of(['a.test']);
    expect(await names.of([])).toEqual(new Map());
    expect(clock.due).toEqual([]);
  });
});
