import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { expectGolden, expectNoStale, goldenCases } from '../../test/support/golden.js';
import { runCase } from './testing/case.js';

const directory = new URL('./testdata/', import.meta.url);
const cases = goldenCases(directory);

describe('translation, case by case', () => {
  it.each(cases)('$name', ({ input, outputPath }) => {
    const { shown } = runCase(input);
    expectGolden(outputPath, stringify(shown, { lineWidth: 0, aliasDuplicateObjects: false }));
  });

  it('has no output without an input', () => {
    expectNoStale(directory, cases);
    expect(cases.length).toBeGreaterThan(20);
  });
});
