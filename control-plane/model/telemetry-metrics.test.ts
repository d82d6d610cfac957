import { describe, expect, it } from 'vitest';
import type { Metrics, MetricsOverride } from '../api/kinds/telemetry.js';
import { effectiveMetrics } from './telemetry-metrics.js';

const isPrometheus = (name: string): boolean => name.startsWith('prom');
const of = (...entries: Metrics[]): ReturnType<typeof effectiveMetrics> =>
  effectiveMetrics(entries, 'CLIENT', ['prometheus'], isPrometheus);
const overrides = (...list: MetricsOverride[]): Metrics => ({ overrides: list });
const tag = (name: string, value?: string): NonNullable<MetricsOverride['tagOverrides']> => ({
  [name]: value === undefined ? { operation: 'REMOVE' } : { value },
});
const nothing = { metrics: [], reportingInterval: undefined };

describe('Telemetry metrics', () => {
  it('are all there when nobody says anything', () => {
    expect(of()).toEqual(nothing);
    expect(effectiveMetrics([], 'CLIENT', [], isPrometheus)).toBe('off');
  });

  it('are merged tag by tag, a narrower one over a wider one', () => {
    const wide = overrides({ match: { metric: 'REQUEST_COUNT' }, tagOverrides: { ...tag('a', '1'), ...tag('b') } });
    const narrow = overrides({ match: { metric: 'REQUEST_COUNT' }, disabled: false, tagOverrides: tag('a', '2') });
    expect(of(wide, narrow)).toEqual({
      ...nothing,
      metrics: [{ name: 'requests_total', disabled: false, tags: { a: '2', b: undefined } }],
    });
  });

  it('are all meant where no metric is named', () => {
    const found = of(overrides({ tagOverrides: tag('a') }));
    expect(found).not.toBe('off');
    expect(found !== 'off' && found.metrics.map(({ name }) => name)).toHaveLength(10);
  });

  it('are told apart by direction', () => {
    const server = overrides({ match: { metric: 'REQUEST_COUNT', mode: 'SERVER' }, disabled: true });
    expect(of(server)).toEqual(nothing);
    expect(effectiveMetrics([server], 'SERVER', ['prometheus'], isPrometheus)).toMatchObject({
      metrics: [{ name: 'requests_total', disabled: true }],
    });
  });

  it('are off together, until a later override', () => {
    const off = overrides({ match: { metric: 'ALL_METRICS' }, disabled: true });
    expect(of(off)).toBe('off');
    expect(of(off, overrides({ match: { metric: 'REQUEST_COUNT' }, disabled: false }))).toMatchObject({
      metrics: [{ name: 'requests_total', disabled: false }],
    });
    expect(of(overrides({ match: { metric: 'ALL_METRICS', mode: 'SERVER' }, disabled: true }))).toEqual(nothing);
  });

  it('are for the provider in scope only', () => {
    const zipkin = { providers: [{ name: 'zipkin' }], overrides: [{ disabled: true }] };
    expect(of(zipkin)).toBe('off');
    // A narrower list of providers: what was said for the other one does not count.
    expect(of(zipkin, { providers: [{ name: 'prom' }], reportingInterval: '5s' })).toEqual({
      metrics: [],
      reportingInterval: '5s',
    });
  });

  it('may be named as the sidecar names them', () => {
    const found = of(overrides({ match: { customMetric: 'requests_total' }, disabled: true }));
    expect(found).toMatchObject({ metrics: [{ name: 'requests_total', disabled: true }] });
    expect(of(overrides({ match: { customMetric: 'mine' }, disabled: true }))).toEqual(nothing);
  });
});
