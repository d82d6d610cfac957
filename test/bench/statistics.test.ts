import { describe, expect, it } from 'vitest';
import type { Figure, Target } from './figures.js';
import { toFigures } from './figures.js';
import { ratiosOf, spreadOf, verdictsOf } from './statistics.js';
import { formatFigures } from './table.js';

const figure = (values: Figure['values'], ...targets: Target[]): Figure => ({
  ...{ label: 'CPU per request', unit: 'µs', better: 'less', digits: 1 },
  values,
  targets,
});

describe('spreadOf', () => {
  it.each([
    [[3], { median: 3, least: 3, most: 3 }],
    [[9, 1, 5], { median: 5, least: 1, most: 9 }],
    [[4, 1, 2, 10], { median: 3, least: 1, most: 10 }],
  ])('%j', (values, expected) => {
    expect(spreadOf(values)).toEqual(expected);
  });

  it('says that nothing was measured', () => {
    expect(() => spreadOf([])).toThrow(RangeError);
  });
});

describe('ratiosOf', () => {
  it.each([
    ['round by round', [1, 4], [2, 2], [0.5, 2]],
    ['theirs measured once', [1, 4], [2], [0.5, 2]],
    ['ours measured once', [6], [2, 3], [3, 2]],
    ['nobody to compare with', [6], [], []],
  ])('%s', (_, ours, theirs, expected) => {
    expect(ratiosOf(ours, theirs)).toEqual(expected);
  });

  it('does not compare rounds that were not neighbours', () => {
    expect(() => ratiosOf([1, 2, 3], [1, 2])).toThrow('3 rounds cannot be compared with 2');
  });
});

describe('verdictsOf', () => {
  const values = { weft: [10, 12, 30], envoy: [20, 20, 20] };
  it.each<[Target, number, boolean]>([
    [{ against: 'envoy', ratioAtMost: 0.6 }, 0.6, true],
    [{ against: 'envoy', ratioAtMost: 0.59 }, 0.6, false],
    [{ against: 'envoy', ratioAtLeast: 0.6 }, 0.6, true],
    [{ against: 'envoy', ratioAtLeast: 0.61 }, 0.6, false],
    [{ absoluteAtMost: 12 }, 12, true],
    [{ absoluteAtMost: 11 }, 12, false],
    [{ absoluteAtLeast: 12 }, 12, true],
    [{ absoluteAtLeast: 13 }, 12, false],
  ])('%j', (target, value, met) => {
    expect(verdictsOf(figure(values, target))).toEqual([{ target, value, met }]);
  });

  it('judges nothing against a side that was not measured', () => {
    const target = { against: 'envoy-h2', ratioAtMost: 1 };
    expect(verdictsOf(figure(values, target))).toEqual([{ target, value: undefined, met: undefined }]);
  });
});

describe('the table', () => {
  it('has every side, every ratio, and what was to be reached', () => {
    const values = { envoy: [20, 40, 20], weft: [10, 10, 10], 'envoy-h2': [10, 10, 10] };
    const targets = [
      { against: 'envoy', ratioAtMost: 0.6 },
      { against: 'envoy-h2', ratioAtMost: 0.9 },
      { absoluteAtMost: 10 },
    ];
    expect(formatFigures('mesh', [figure(values, ...targets)]).split('\n')).toEqual([
      'mesh                  WEFT               ENVOY              ENVOY-H2           ÷ ENVOY            ÷ ENVOY-H2         TARGET                                   MET',
      'CPU per request, µs   10.0 (10.0–10.0)   20.0 (20.0–40.0)   10.0 (10.0–10.0)   0.50 (0.25–0.50)   1.00 (1.00–1.00)   ≤ 0.6 envoy · ≤ 0.9 envoy-h2 · ≤ 10 µs   yes · NO · yes',
    ]);
  });

  it('shows ours alone where there is nobody else', () => {
    expect(
      formatFigures('relay', [figure({ weft: [10] }, { against: 'envoy', ratioAtMost: 0.7 })]).split('\n'),
    ).toEqual(['relay                 WEFT   TARGET   MET', 'CPU per request, µs   10.0   ≤ 0.7    -']);
  });
});

it('makes rows of rounds', () => {
  const rounds = {
    weft: [
      { cpu: 1, rps: 7 },
      { cpu: 2, rps: 8 },
    ],
    envoy: [{ cpu: 3, rps: 9 }],
  };
  const spec = { label: 'CPU', unit: 'µs', better: 'less', digits: 1 } as const;
  expect(toFigures(rounds, { cpu: spec })).toEqual([{ ...spec, values: { weft: [1, 2], envoy: [3] } }]);
});
