import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { expectGolden, expectNoStale, goldenCases } from '../../test/support/golden.js';
import { mergeFiles } from '../sources/folder/config-set.js';
import { readFile } from '../sources/folder/file-state.js';
import { analyze } from './analyze.js';

const FOLDER = new URL('./testdata/', import.meta.url);
const cases = goldenCases(FOLDER);

function findingsOf(text: string): ReturnType<typeof analyze> {
  return analyze(mergeFiles([readFile({ name: 'in.yaml', text, fault: undefined }, undefined)], []));
}

describe('analyze', () => {
  it.each(cases)('$name', ({ input, outputPath }) => {
    const lines = findingsOf(input).map(({ file: _, ...finding }) => finding);
    expectGolden(outputPath, stringify(lines, { lineWidth: 0 }));
  });

  it('has no stale golden files', () => expectNoStale(FOLDER, cases));

  it('takes its time only in proportion', () => {
    const route = (i: number): string =>
      `    - match: [{ uri: { exact: /${i} } }]\n      route: [{ destination: { host: a } }]\n`;
    const text = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: a }
spec:
  hosts: [a]
  http:
${Array.from({ length: 3_000 }, (_, i) => route(i)).join('')}`;
    expect(findingsOf(text).every(({ code }) => code === 'IST0101')).toBe(true);
  });
});
