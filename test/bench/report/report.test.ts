import { describe, expect, it } from 'vitest';
import type { Figure } from '../figures.js';
import { figuresBlock, readmeBlock, replaceBlock, targetTable } from './markdown.js';
import { page } from './page.js';
import { plotsOf } from './plots.js';
import { joinResults, type ResultFile } from './results.js';
import { linearScale, logScale } from './svg.js';

const figure = (label: string, unit: string, values: Figure['values'], more: Partial<Figure> = {}): Figure => ({
  ...{ label, unit, better: 'less', digits: 1, values, targets: [] },
  ...more,
});

const cpu = (weft: number[]): Figure =>
  figure('CPU per request', 'µs', { weft, envoy: [20, 20, 20] }, { targets: [{ against: 'envoy', ratioAtMost: 0.6 }] });

function file(node: string, date: string, ...scenarios: (readonly [string, readonly Figure[]])[]): ResultFile {
  return {
    ...{ date, rounds: 3, seconds: 1 },
    machine: { processors: '2 × Fast & Small', node, envoy: '1.40.0', pinned: true },
    results: scenarios.map(([scenario, figures]) => ({ scenario, title: `about ${scenario}`, errors: 0, figures })),
  };
}

const FILES = [
  file('20.20.2', '2026-11-20T00:00:00Z', ['mesh', [cpu([8, 8, 8])]], ['relay', [cpu([16, 17, 18])]]),
  file('26.1.0', '2026-11-21T00:00:00Z', ['relay', [cpu([10, 11, 12])]]),
  file('20.20.2', '2026-11-22T00:00:00Z', ['relay', [cpu([14, 14, 14])]]),
];
const JOINED = joinResults(FILES, ['relay', 'mesh']);

describe('joining results', () => {
  it('has the newest Node first, and of each scenario what was measured last', () => {
    expect(JOINED.map(({ nodeMajor, date }) => [nodeMajor, date.slice(0, 10)])).toEqual([
      [26, '2026-11-21'],
      [20, '2026-11-22'],
    ]);
    expect(JOINED[1]?.results.map(({ scenario, figures }) => [scenario, figures[0]?.values['weft']])).toEqual([
      ['relay', [14, 14, 14]],
      ['mesh', [8, 8, 8]],
    ]);
  });
});

describe('markdown', () => {
  it('has a row for every target, and what came out on each Node', () => {
    expect(targetTable(JOINED).split('\n')).toEqual([
      '| ours | against | Node 26.1.0 | Node 20.20.2 | to reach |  |',
      '| --- | --- | --- | --- | --- | --- |',
      '| relay: CPU per request | ÷ envoy | 0.55 (0.50–0.60) | 0.70 (0.70–0.70) | ≤ 0.6 | ✓ |',
      '| mesh: CPU per request | ÷ envoy | - | 0.40 (0.40–0.40) | ≤ 0.6 | not measured |',
    ]);
  });

  it('says on what it was measured, and how much was reached', () => {
    const block = readmeBlock(JOINED, 'docs/images/bench.svg');
    expect(block).toContain('Node 26.1.0 (2026-11-21) and Node 20.20.2 (2026-11-22), Envoy 1.40.0');
    expect(block).toContain('1 of 2 reached');
    expect(block).toContain('(docs/images/bench.svg)');
  });

  it('replaces what stands between the marks, again and again', () => {
    const marks = ['<!-- bench: written by npm run bench -- --report -->', '<!-- /bench -->'];
    const once = replaceBlock(`before\n${marks[0]}\nold\n${marks[1]}\nafter\n`, 'new');
    expect(once).toBe(`before\n${marks[0]}\nnew\n${marks[1]}\nafter\n`);
    expect(replaceBlock(once, 'new')).toBe(once);
    expect(() => replaceBlock('no marks', 'new')).toThrow('are missing');
  });

  it('has every figure of every Node', () => {
    expect(figuresBlock(JOINED).match(/CPU per request, µs/g)).toHaveLength(3);
  });
});

describe('plots', () => {
  const rate = figure('requests per second', '', { weft: [40_000], envoy: [20_000] }, { better: 'more' });
  const percentiles = ['p50', 'p90', 'p99', 'p99.9'].map((label, index) =>
    figure(label, 'ms', { weft: [0.1 * 4 ** index], envoy: [0.2 * 4 ** index] }),
  );
  const memory = [10, 10_000].map((services) =>
    figure(
      `anonymous, ${services} services`,
      'MB',
      { weft: [20 + services / 500], envoy: [14 + services / 20] },
      { services },
    ),
  );
  const [all] = joinResults(
    [
      file(
        '26.1.0',
        '2026-11-21T00:00:00Z',
        ['relay', [cpu([10]), rate]],
        ['open-loop', percentiles],
        ['services', memory],
      ),
    ],
    [],
  );

  it('are drawn of what there is', () => {
    const plots = plotsOf(all?.results ?? []);
    expect(plots.map((plot) => /aria-label="([^":]*)/.exec(plot)?.[1])).toEqual([
      'Processor time a request, less is better',
      'Throughput against cost',
      'Latency at 1,000 requests a second through both sidecars, mTLS between them',
      'Memory of a sidecar as the mesh grows',
    ]);
    for (const plot of plots) expect(plot).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('are left out where nothing was measured', () => {
    expect(plotsOf([])).toEqual([]);
  });

  it('stand in a page that needs nothing from elsewhere, in which nothing is taken for markup', () => {
    const html = page(all === undefined ? [] : [all]);
    expect(html.match(/<svg /g)).toHaveLength(4);
    expect(html).toContain('2 × Fast &#38; Small');
    expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|src=|href=/);
  });
});

describe('scales', () => {
  it.each([
    [10, [0, 2, 4, 6, 8, 10]],
    [97, [0, 20, 40, 60, 80, 100]],
    [0.3, [0, 0.1, 0.2, 0.3]],
    [0, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  ])('up to %d', (most, ticks) => {
    const scale = linearScale(most, 100, 200);
    expect(scale.ticks).toEqual(ticks);
    expect(scale.at(0)).toBe(100);
    expect(scale.at(ticks.at(-1) ?? 0)).toBeCloseTo(200);
  });

  it.each([
    [0.3, 20, [0.1, 1, 10, 100]],
    [10, 10_000, [10, 100, 1000, 10_000]],
    [5, 5, [1, 10]],
  ])('in powers of ten from %d to %d', (least, most, ticks) => {
    const scale = logScale(least, most, 0, 300);
    expect(scale.ticks).toEqual(ticks);
    expect(scale.at(ticks[0] ?? 1)).toBeCloseTo(0);
    expect(scale.at(ticks.at(-1) ?? 1)).toBeCloseTo(300);
  });
});
