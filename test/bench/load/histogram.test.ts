import { describe, expect, it } from 'vitest';
import { Histogram } from './histogram.js';

describe('Histogram', () => {
  it('is within half a percent, from microseconds to minutes', () => {
    for (let micros = 1000; micros < 60_000_000; micros = Math.ceil(micros * 1.07)) {
      const histogram = new Histogram();
      histogram.record(micros);
      histogram.record(1e9);
      const read = histogram.percentileMs(0.5) * 1000;
      expect(Math.abs(read - micros) / micros, `${micros} µs`).toBeLessThan(0.01);
    }
  });

  it('counts small values one by one', () => {
    const histogram = new Histogram();
    for (let micros = 0; micros < 200; micros++) histogram.record(micros);
    expect(histogram.percentileMs(0.5)).toBeCloseTo(0.0995, 4);
  });

  it.each([
    [0.5, 500],
    [0.99, 990],
    [0.999, 999],
    [1, 1000],
  ])('share %d', (share, expected) => {
    const histogram = new Histogram();
    for (let ms = 1; ms <= 1000; ms++) histogram.record(ms * 1000);
    expect(histogram.percentileMs(share) / expected).toBeCloseTo(1, 1.5);
    expect(histogram.count).toBe(1000);
  });

  it('never reads more than the largest value, and copes with extremes', () => {
    const histogram = new Histogram();
    expect(histogram.percentileMs(0.5)).toBe(0);
    histogram.record(-5);
    expect(histogram.percentileMs(1)).toBe(0);
    histogram.record(1e15);
    expect(histogram.percentileMs(1)).toBeLessThanOrEqual(1e12);
  });
});
