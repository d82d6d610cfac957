import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../common/runtime/clock.js';
import { ApiError } from '../kubernetes/api.js';
import { Election, LEASE_TIMES } from './election.js';
import type { Lease, LeaseSpec, LeaseStore } from './lease.js';

const log = pino({ level: 'silent' });

/** Time that moves when it is told to; timers run in order. */
class HeldClock implements Clock {
  private at = 0;
  private readonly timers = new Set<{ readonly due: number; readonly run: () => void }>();

  now(): number {
    return Date.UTC(2026, 0, 1) + this.at;
  }

  monotonic(): number {
    return this.at;
  }

  after(ms: number, run: () => void): { cancel(): void } {
    const timer = { due: this.at + ms, run };
    this.timers.add(timer);
    return { cancel: () => this.timers.delete(timer) };
  }

  async advance(ms: number): Promise<void> {
    const end = this.at + ms;
    for (;;) {
      await settle();
      const [next] = [...this.timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due);
      if (next === undefined) break;
      this.at = next.due;
      this.timers.delete(next);
      next.run();
    }
    this.at = end;
    await settle();
  }
}

const settle = (): Promise<void> => new Promise((done) => setImmediate(() => setImmediate(done)));

/** A lease as an API server holds it; cut off for whom `away` names. */
class TestLease {
  current: Lease | undefined;
  readonly away = new Set<string>();
  writes = 0;

  storeOf(name: string): LeaseStore {
    const reach = (): void => {
      if (this.away.has(name)) throw new ApiError('no answer', 0);
    };
    return {
      read: async () => {
        reach();
        return this.current;
      },
      write: async (spec: LeaseSpec, over: Lease | undefined) => {
        reach();
        if (over?.metadata.resourceVersion !== this.current?.metadata.resourceVersion) return undefined;
        this.writes++;
        this.current = { metadata: { uid: 'x', resourceVersion: String(this.writes) }, spec };
        return this.current;
      },
    };
  }
}

const running: Election[] = [];

function candidate(identity: string, lease: TestLease, clock: Clock): { election: Election; led: AbortSignal[] } {
  const led: AbortSignal[] = [];
  const lead = (signal: AbortSignal): void => void led.push(signal);
  const election = new Election({ store: lease.storeOf(identity), identity, lead, clock, random: () => 0.5, log });
  running.push(election);
  election.start();
  return { election, led };
}

afterEach(async () => {
  for (const election of running.splice(0)) await election.stop();
});

describe('an election', () => {
  it('keeps client-go’s times', () => {
    expect(LEASE_TIMES).toEqual({ leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 });
  });

  it('has one leader, who renews', async () => {
    const [clock, lease] = [new HeldClock(), new TestLease()];
    const a = candidate('a', lease, clock);
    const b = candidate('b', lease, clock);
    await clock.advance(60_000);
    expect([a.election.leading, b.election.leading]).toEqual([true, false]);
    expect(b.election.leader).toBe('a');
    expect(lease.current?.spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
    expect(lease.current?.spec?.renewTime).toMatch(/^2026-01-01T00:0\d:\d\d\.\d{6}Z$/);
    expect(a.led).toHaveLength(1);
  });

  it('hands over at once when the leader stops', async () => {
    const [clock, lease] = [new HeldClock(), new TestLease()];
    const a = candidate('a', lease, clock);
    const b = candidate('b', lease, clock);
    await clock.advance(5000);
    await a.election.stop();
    expect(a.led[0]?.aborted).toBe(true);
    expect(lease.current?.spec?.holderIdentity).toBe('');
    await clock.advance(5000);
    expect(b.election.leading).toBe(true);
    expect(lease.current?.spec?.leaseTransitions).toBe(1);
  });

  it('stops a leader who cannot renew before anybody else begins', async () => {
    const [clock, lease] = [new HeldClock(), new TestLease()];
    const a = candidate('a', lease, clock);
    const b = candidate('b', lease, clock);
    await clock.advance(5000);
    lease.away.add('a');
    for (let i = 0; i < 300 && !b.election.leading; i++) {
      expect([a.election.leading, b.election.leading]).not.toEqual([true, true]);
      await clock.advance(100);
    }
    expect(a.led[0]?.aborted).toBe(true);
    expect(b.election.leading).toBe(true);
    lease.away.delete('a');
    await clock.advance(30_000);
    expect([a.election.leading, b.election.leading]).toEqual([false, true]);
  });

  it('leads on when the API server is away for less than the deadline', async () => {
    const [clock, lease] = [new HeldClock(), new TestLease()];
    const a = candidate('a', lease, clock);
    await clock.advance(5000);
    lease.away.add('a');
    await clock.advance(5000);
    lease.away.delete('a');
    await clock.advance(20_000);
    expect(a.election.leading).toBe(true);
    expect(a.led).toHaveLength(1);
  });

  it('leads on when somebody edits its lease', async () => {
    const [clock, lease] = [new HeldClock(), new TestLease()];
    const a = candidate('a', lease, clock);
    await clock.advance(5000);
    lease.current = { ...lease.current, metadata: { uid: 'x', resourceVersion: 'edited' } };
    await clock.advance(10_000);
    expect(a.led).toHaveLength(1);
    expect(a.led[0]?.aborted).toBe(false);
  });
});
