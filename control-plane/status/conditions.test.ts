import { describe, expect, it } from 'vitest';
import type { Finding } from '../api/object.js';
import { statusOf, verdictsOf } from './conditions.js';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const TIME = '2026-01-02T03:04:05Z';

function finding(code: string, level: Finding['level'], field = '', message = 'wrong'): Finding {
  return { code, level, object: 'VirtualService default/reviews', file: undefined, line: undefined, field, message };
}

describe('conditions', () => {
  it.each<[string, Finding[], string[]]>([
    ['nothing wrong', [], ['Programmed True Programmed']],
    ['only something to know', [finding('IST0131', 'info')], ['Programmed True Programmed']],
    ['an object that cannot be read', [finding('IST0106', 'error', 'spec.http')], ['Programmed False Invalid']],
    [
      'a reference to nothing',
      [finding('IST0101', 'error', 'spec.http[0]')],
      ['Programmed True Programmed', 'ResolvedRefs False NotFound'],
    ],
    [
      'a field that is not acted on',
      [finding('WEFT0002', 'warning', 'spec.tls')],
      ['Programmed True Programmed', 'Supported False NotSupported'],
    ],
    [
      'a kind that is not read',
      [finding('WEFT0003', 'warning')],
      ['Programmed False NotSupported', 'Supported False NotSupported'],
    ],
    ['a conflict', [finding('IST0109', 'error')], ['Programmed True Warnings']],
  ])('of %s', (_name, findings, expected) => {
    expect(verdictsOf(findings).map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual(expected);
  });

  it('name code, field and reason', () => {
    expect(verdictsOf([finding('IST0106', 'error', 'spec.http[0].timeout', 'must be a duration')])[0]?.message).toBe(
      'IST0106 spec.http[0].timeout: must be a duration',
    );
  });

  it('are written once, keep the time of their transition, and leave those of others alone', () => {
    const foreign = { type: 'PassthroughNSAware', status: 'True', reason: 'x', message: 'y' } as const;
    const first = statusOf({ findings: [] }, { conditions: [foreign] }, 3, NOW);
    expect(first).toEqual({
      conditions: [
        foreign,
        {
          type: 'Programmed',
          status: 'True',
          reason: 'Programmed',
          message: 'in force',
          lastTransitionTime: TIME,
          observedGeneration: 3,
        },
      ],
      validationMessages: [],
      observedGeneration: 3,
    });
    expect(statusOf({ findings: [] }, first ?? {}, 3, NOW + 60_000)).toBeUndefined();
    const next = statusOf({ findings: [] }, first ?? {}, 4, NOW + 60_000);
    expect(next?.conditions[1]).toMatchObject({ lastTransitionTime: TIME, observedGeneration: 4 });
    const worse = statusOf({ findings: [finding('IST0106', 'error')] }, next ?? {}, 4, NOW + 60_000);
    expect(worse?.conditions[1]).toMatchObject({ status: 'False', lastTransitionTime: '2026-01-02T03:05:05Z' });
    expect(worse?.validationMessages).toEqual([{ type: { code: 'IST0106' }, level: 'ERROR' }]);
  });
});
