import { expect, it } from 'vitest';
import { readFortio } from './fortio.js';

it('reads what fortio says, in milliseconds', () => {
  const text = JSON.stringify({
    ActualDuration: 2_000_000_000,
    RetCodes: { 200: 1990, 503: 10 },
    DurationHistogram: {
      Count: 2000,
      Percentiles: [
        { Percentile: 50, Value: 0.001 },
        { Percentile: 90, Value: 0.002 },
        { Percentile: 99, Value: 0.004 },
        { Percentile: 99.9, Value: 0.008 },
      ],
    },
  });
  expect(readFortio(text)).toEqual({
    requests: 2000,
    errors: 10,
    seconds: 2,
    p50: 1,
    p90: 2,
    p99: 4,
    p999: 8,
    latenessP99: 0,
  });
});
