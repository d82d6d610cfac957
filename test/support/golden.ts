import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/** One golden test: `name.in.yaml` is the input, `name.out.yaml` what must come out of it. */
export interface GoldenCase {
  readonly name: string;
  /** Absolute path of the input. */
  readonly inputPath: string;
  readonly input: string;
  /** Absolute path of the expected output, for `expectGolden`. */
  readonly outputPath: string;
}

const INPUT = '.in.yaml';
const OUTPUT = '.out.yaml';

/**
 * The cases of a folder, in order of their names.
 * @example goldenCases(new URL('./testdata/', import.meta.url))
 */
export function goldenCases(directory: URL): GoldenCase[] {
  const folder = fileURLToPath(directory);
  return readdirSync(folder)
    .filter((file) => file.endsWith(INPUT))
    .sort()
    .map((file) => {
      const name = basename(file, INPUT);
      const inputPath = `${folder}${file}`;
      return { name, inputPath, input: readFileSync(inputPath, 'utf8'), outputPath: `${folder}${name}${OUTPUT}` };
    });
}

/** Fails when `actual` is not what the file says; with UPDATE_GOLDEN=1 the file is written instead. */
export function expectGolden(path: string, actual: string): void {
  if (process.env['UPDATE_GOLDEN'] === '1') {
    writeFileSync(path, actual);
    return;
  }
  let expected: string;
  try {
    expected = readFileSync(path, 'utf8');
  } catch {
    expected = '';
  }
  expect(actual, `differs from ${path}; if this is right, run again with UPDATE_GOLDEN=1`).toBe(expected);
}

/** Fails when the folder holds an output whose input is gone. */
export function expectNoStale(directory: URL, cases: readonly GoldenCase[]): void {
  const wanted = new Set(cases.map((golden) => basename(golden.outputPath)));
  const stale = readdirSync(fileURLToPath(directory)).filter((file) => file.endsWith(OUTPUT) && !wanted.has(file));
  expect(stale, 'golden outputs without an input').toEqual([]);
}
