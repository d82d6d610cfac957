import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../common/runtime/testing.js';
import type { DrainSettings } from './pod-environment.js';
import { terminate } from './termination.js';

const SETTINGS: DrainSettings = {
  terminationMs: 7000,
  exitOnZeroConnections: false,
  minimumMs: 5000,
  listenerMs: 45_000,
};

/** Runs the clock in steps and tells after how many ms the end came. */
async function endAfter(settings: DrainSettings, connections: number[]): Promise<number> {
  const clock = new ManualClock();
  let left = false;
  let over = false;
  const proxy = {
    leave: () => {
      left = true;
    },
    get inboundConnections() {
      return connections.length > 1 ? (connections.shift() ?? 0) : (connections[0] ?? 0);
    },
  };
  void terminate(proxy, settings, clock).then(() => {
    over = true;
  });
  expect(left).toBe(true);
  for (let ms = 0; ms < 20_000; ms += 500) {
    await new Promise((resolve) => setImmediate(resolve));
    if (over) return ms;
    clock.advance(500);
  }
  return Number.NaN;
}

describe('terminate', () => {
  it('serves on for the drain time, connections or not', async () => {
    expect(await endAfter(SETTINGS, [3])).toBe(7000);
    expect(await endAfter(SETTINGS, [0])).toBe(7000);
  });

  it('waits for the last connection where that is asked for, but not less than the minimum', async () => {
    const patient = { ...SETTINGS, exitOnZeroConnections: true };
    expect(await endAfter(patient, [0])).toBe(5000);
    expect(await endAfter(patient, [3, 2, 0])).toBe(6000);
  });
});
