import { describe, expect, it } from 'vitest';
import { type MetricSource, newRegistry, registerSource, type Sample, textOf } from './metric-source.js';

const EDGES = 900;

function* histogram(): Iterable<Sample> {
  for (let edge = 0; edge < EDGES; edge++) {
    const labels = { peer: `peer "${edge}"` };
    yield { suffix: '_bucket', labels: { ...labels, le: 1 }, value: edge };
    yield { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: edge };
    yield { suffix: '_sum', labels, value: edge };
    yield { suffix: '_count', labels, value: edge };
  }
}

const SOURCES: readonly MetricSource[] = [
  { name: 'empty_total', help: 'Nothing yet.', type: 'counter', collect: () => [] },
  { name: 'duration', help: 'In two\nlines.', type: 'histogram', collect: histogram },
  { name: 'up', help: 'One.', type: 'gauge', collect: () => [{ labels: {}, value: 1 }] },
];

describe('textOf', () => {
  it('is in pieces what the registry gives as a whole', async () => {
    const registry = newRegistry();
    for (const source of SOURCES) registerSource(registry, source);
    const pieces: string[] = [];
    for await (const piece of textOf(registry)) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(SOURCES.length * 2);
    expect(pieces.join('').trimEnd()).toBe((await registry.metrics()).trimEnd());
  });

  it('keeps the parts of a histogram in one piece', async () => {
    const registry = newRegistry();
    for (const source of SOURCES) registerSource(registry, source);
    for await (const piece of textOf(registry)) {
      const count = (suffix: string): number => piece.split(`duration${suffix}{`).length - 1;
      expect(count('_bucket')).toBe(2 * count('_count'));
    }
  });
});
