import { describe, expect, it } from 'vitest';
import { Report } from '../schema/report.js';
import { telemetry } from './telemetry.js';

const override = (fields: object): object => ({ metrics: [{ overrides: [fields] }] });

/** What is said about a spec; level, field and message. */
const CASES: readonly [spec: object, issue: RegExp | undefined][] = [
  [override({ tagOverrides: { a: { value: 'request.host' } } }), undefined],
  [
    override({ tagOverrides: { a: { value: 'request.host +' } } }),
    /^error .*tagOverrides\.a\.value is no expression: /,
  ],
  [
    override({ tagOverrides: { a: { value: 'request.nothing' } } }),
    /^warning .*tagOverrides\.a\.value No such key: nothing/,
  ],
  [override({ tagOverrides: { 'a-b': { value: '1' } } }), /^warning .*cannot be the name of a label/],
  [override({ tagOverrides: { mine: { operation: 'REMOVE' } } }), /^warning .*no tag "mine"/],
  [override({ match: { customMetric: 'mine' } }), /^warning .*there is no metric "mine"/],
  [override({ match: { customMetric: 'requests_total' }, disabled: true }), undefined],
  [override({ match: { metric: 'NOTHING' } }), /^error .*match\.metric/],
  [
    { accessLogging: [{ filter: { expression: 'response.code 400' } }] },
    /^error .*filter\.expression is no expression/,
  ],
  [
    { accessLogging: [{ filter: { expression: 'response.code == "400"' } }] },
    /^warning .*int == string.*nothing is logged/,
  ],
];

describe('what a Telemetry cannot mean', () => {
  it.each(CASES)('%j', (spec, issue) => {
    const report = new Report();
    telemetry.parse(spec, 'spec', report);
    const found = report.issues.map(({ level, path, message }) => `${level} ${path} ${message}`);
    expect(found).toEqual(issue === undefined ? [] : [expect.stringMatching(issue)]);
  });
});
