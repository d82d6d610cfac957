import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../common/runtime/clock.js';
import { ClientGuard, TooManyRefusals } from './client-guard.js';

const BAD = { message: 'refused a certificate', status: 'UNAUTHENTICATED', reason: 'the token is malformed' };
const POD = '10.0.0.1:40000';

let time: number;
let timers: { at: number; run: () => void }[];
let lines: { msg?: string; peer?: string; times?: number }[];
let guard: ClientGuard;

const clock: Clock = {
  now: () => time,
  monotonic: () => time,
  after: (ms, run) => {
    const timer = { at: time + ms, run };
    timers.push(timer);
    return { cancel: () => timers.splice(timers.indexOf(timer), 1) };
  },
};

function pass(ms: number): void {
  time += ms;
  for (const timer of timers.filter(({ at }) => at <= time)) {
    timers.splice(timers.indexOf(timer), 1);
    timer.run();
  }
}

beforeEach(() => {
  time = 0;
  timers = [];
  lines = [];
  guard = new ClientGuard(clock, pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as object) }));
});

function guess(peer: string, times: number): number {
  let looked = 0;
  for (let i = 0; i < times; i++) {
    try {
      guard.admit(peer, `guess ${i}`);
      looked++;
    } catch (error) {
      expect(error).toBeInstanceOf(TooManyRefusals);
      guard.refused(peer, { ...BAD, status: 'RESOURCE_EXHAUSTED', reason: String(error) });
      continue;
    }
    guard.refused(peer, BAD);
  }
  return looked;
}

describe('a client that guesses tokens', () => {
  it('is looked at fifty times, then once a second, whatever port it comes from', () => {
    expect(guess(POD, 1000)).toBe(50);
    expect(guess('10.0.0.1:40001', 1000)).toBe(0);
    pass(3000);
    expect(guess(POD, 1000)).toBe(3);
    pass(60_000);
    expect(guess(POD, 1000)).toBe(50);
  });

  it('locks out neither others, nor who has shown a good token from the same address', () => {
    guard.proved('good');
    guess(POD, 1000);
    expect(() => guard.admit(POD, 'good')).not.toThrow();
    expect(() => guard.admit('10.0.0.2:40000', 'new')).not.toThrow();
    expect(() => guard.admit(POD, undefined)).toThrow(TooManyRefusals);
  });

  it('on this machine is its connection', () => {
    for (const address of ['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]']) {
      guess(`${address}:1`, 100);
      expect(() => guard.admit(`${address}:1`, 'x')).toThrow();
      expect(() => guard.admit(`${address}:2`, 'x')).not.toThrow();
    }
  });

  it('is logged at once, then every ten seconds with how often', () => {
    guess(POD, 40);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ peer: '10.0.0.1', reason: BAD.reason, msg: BAD.message });
    pass(10_000);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatchObject({ times: 39 });
    pass(10_000);
    expect([lines.length, timers.length]).toEqual([2, 0]);
  });

  it('costs no memory, however many there are', () => {
    for (let i = 0; i < 30_000; i++) guard.refused(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:1`, BAD);
    expect(lines.length).toBeLessThanOrEqual(1001);
    expect(timers.length).toBeLessThanOrEqual(1001);
    expect((guard as unknown as { clients: Map<string, unknown> }).clients.size).toBe(10_000);
  });

  it('is no client to whom the API server has no answer', () => {
    for (let i = 0; i < 100; i++) guard.refused(POD, { ...BAD, status: 'UNAVAILABLE' });
    expect(() => guard.admit(POD, 'x')).not.toThrow();
  });
});
