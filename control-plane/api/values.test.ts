import { describe, expect, it } from 'vitest';
import { parseDuration } from './duration.js';
import { resolveHost } from './hosts.js';
import { selectorMatches } from './labels.js';
import { parseQuantity } from './quantity.js';
import { childPath, pathSteps } from './schema/path.js';
import { nearestName } from './schema/suggest.js';

describe('parseDuration', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['1.5s', 1_500],
    ['100ms', 100],
    ['1h30m', 5_400_000],
    ['1h1m1s1ms', 3_661_001],
    ['.5s', 500],
    ['1us', 0.001],
    ['1ns', 0.000001],
    ['-2ms', -2],
    ['', undefined],
    ['5', undefined],
    ['1d', undefined],
    ['s', undefined],
    ['1 s', undefined],
    ['1s2', undefined],
    ['1e3s', undefined],
    [`${'1s'.repeat(40)}`, undefined],
  ])('%j is %j ms', (text, ms) => expect(parseDuration(text)).toBe(ms));
});

describe('parseQuantity', () => {
  it.each([
    [90, 90],
    ['90', 90],
    ['900m', 0.9],
    ['1.5k', 1_500],
    ['2Ki', 2_048],
    ['1e3', 1_000],
    ['1E2', 100],
    ['1E', 1e18],
    ['-5', -5],
    ['0m', 0],
    ['', undefined],
    ['m', undefined],
    ['1x', undefined],
    ['1e999', undefined],
    [Number.NaN, undefined],
  ])('%j is %j', (text, amount) => expect(parseQuantity(text)).toBe(amount));
});

describe('resolveHost', () => {
  it.each([
    ['reviews', 'reviews.default.svc.cluster.local'],
    ['Reviews', 'reviews.default.svc.cluster.local'],
    ['reviews.prod', 'reviews.prod'],
    ['api.example.com', 'api.example.com'],
    ['*.example.com', '*.example.com'],
    ['*', '*'],
  ])('%s is %s', (host, full) => expect(resolveHost(host, 'default')).toBe(full));
});

describe('selectorMatches', () => {
  it.each([
    [undefined, { a: '1' }, true],
    [{}, { a: '1' }, true],
    [{ a: '1' }, { a: '1', b: '2' }, true],
    [{ a: '1', b: '2' }, { a: '1' }, false],
    [{ a: '2' }, { a: '1' }, false],
    [{ toString: 'x' }, {}, false],
  ])('%j on %j: %s', (selector, labels, matches) => expect(selectorMatches(selector, labels)).toBe(matches));
});

describe('nearestName', () => {
  const known = ['match', 'route', 'timeout', 'mirrorPercentage'];
  it.each([
    ['mtach', 'match'],
    ['Match', 'match'],
    ['time_out', 'timeout'],
    ['mirror_percentage', 'mirrorPercentage'],
    ['routes', 'route'],
    ['banana', undefined],
    ['x'.repeat(10_000), undefined],
  ])('%s → %s', (name, nearest) => expect(nearestName(name, known)).toBe(nearest));
});

describe('paths', () => {
  it.each([
    [['spec', 'http', 0, 'timeout'], 'spec.http[0].timeout'],
    [['metadata', 'labels', 'a.b/c'], 'metadata.labels["a.b/c"]'],
    [['spec', 'ports', '8080', 'x"]y'], 'spec.ports["8080"]["x\\"]y"]'],
  ])('%j is %s and back', (steps, path) => {
    expect(steps.reduce<string>((parent, step) => childPath(parent, step), '')).toBe(path);
    expect(pathSteps(path)).toEqual(steps);
  });
});
