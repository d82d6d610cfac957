import { describe, expect, it } from 'vitest';
import type { EdgeResponse } from '../../common/runtime/edge-report.js';
import { countFailures } from './failures.js';

const response = (
  code: number,
  flags: string,
  count: number,
  origin: EdgeResponse['origin'] = 'upstream',
): EdgeResponse => ({ code, flags, count, origin });

describe('failures that a configuration asked for', () => {
  it.each<[string, EdgeResponse[], EdgeResponse[], { asked: number; unasked: number }]>([
    ['successes are none', [response(200, '-', 9)], [response(200, '-', 9)], { asked: 0, unasked: 0 }],
    ['an injected fault is asked for', [response(503, 'FI', 3)], [], { asked: 3, unasked: 0 }],
    ['a delay with an abort too', [response(503, 'DI,FI', 3)], [], { asked: 3, unasked: 0 }],
    ['overflow and timeout are', [response(503, 'UO', 2), response(504, 'UT', 1)], [], { asked: 3, unasked: 0 }],
    ['a retry limit on an overflow is', [response(503, 'URX,UO', 2)], [], { asked: 2, unasked: 0 }],
    [
      'a denial by the server’s sidecar is',
      [response(403, '-', 5)],
      [response(403, '-', 5, 'rbac')],
      { asked: 5, unasked: 0 },
    ],
    [
      'a denial that retries met again and again is',
      [response(403, 'URX', 2)],
      [response(403, '-', 8, 'rbac')],
      { asked: 2, unasked: 0 },
    ],
    ['a 403 of the application is not', [response(403, '-', 5)], [response(403, '-', 5)], { asked: 0, unasked: 5 }],
    [
      'only as many as the server’s sidecar denied',
      [response(403, '-', 5)],
      [response(403, '-', 3, 'rbac'), response(403, '-', 2)],
      { asked: 3, unasked: 2 },
    ],
    ['a configured direct response is', [response(418, '-', 4, 'direct-response')], [], { asked: 4, unasked: 0 }],
    ['no healthy host is not', [response(503, 'UH', 1)], [], { asked: 0, unasked: 1 }],
    ['a refused connection is not', [response(503, 'URX,UF', 1)], [], { asked: 0, unasked: 1 }],
    [
      'a failure that a retry mended does not count',
      [response(200, '-', 5)],
      [response(503, 'UF', 2), response(200, '-', 5)],
      { asked: 0, unasked: 0 },
    ],
    [
      'a client without a sidecar is counted at the server',
      [],
      [response(403, '-', 2, 'rbac'), response(500, '-', 1)],
      { asked: 2, unasked: 1 },
    ],
    ['a client that went away counts', [response(0, 'DC', 1)], [], { asked: 0, unasked: 1 }],
  ])('%s', (_name, source, destination, expected) => {
    expect(countFailures({ source, destination })).toEqual(expected);
  });
});
