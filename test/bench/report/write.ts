import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { figuresBlock, readmeBlock, replaceBlock } from './markdown.js';
import { page } from './page.js';
import { costPlot } from './plots.js';
import { joinResults, type ResultFile } from './results.js';

const PLOT = 'docs/images/bench.svg';
const PAGE = 'docs/bench.html';

/**
 * Writes the page, the README's plot, and the marked blocks of README.md and docs/performance.md; gives their paths.
 * `order` is that of the scenarios.
 */
export function writeReport(root: string, files: readonly ResultFile[], order: readonly string[]): string[] {
  const measured = joinResults(files, order);
  const plot = costPlot(measured[0]?.results ?? []);
  const write = (path: string, text: string): string => {
    writeFileSync(join(root, path), text);
    return path;
  };
  const rewrite = (path: string, block: string): string =>
    write(path, replaceBlock(readFileSync(join(root, path), 'utf8'), block));
  return [
    write(PAGE, page(measured)),
    ...(plot === undefined ? [] : [write(PLOT, plot)]),
    rewrite('README.md', readmeBlock(measured, plot === undefined ? undefined : PLOT)),
    rewrite('docs/performance.md', figuresBlock(measured)),
  ];
}
