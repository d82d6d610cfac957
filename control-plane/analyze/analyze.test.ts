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

  it('takes its time only in proportion to the number of objects', () => {
    const milliseconds = (services: number): number => {
      const set = mergeFiles(
        Array.from({ length: services }, (_, i) =>
          readFile({ name: `${i}.yaml`, text: serviceWithPolicies(i), fault: undefined }, undefined),
        ),
        [],
      );
      const started = performance.now();
      expect(analyze(set)).toEqual([]);
      return performance.now() - started;
    };
    milliseconds(50);
    // Sixteen times the services; quadratic work would take 256 times as long.
    expect(milliseconds(800) / milliseconds(50)).toBeLessThan(100);
  });
});

function serviceWithPolicies(i: number): string {
  const selector = `selector: { matchLabels: { app: s${i} } }`;
  const object = (kind: string, group: string, spec: string): string =>
    `apiVersion: ${group}.istio.io/v1\nkind: ${kind}\nmetadata: { name: s${i} }\nspec: { ${spec} }\n`;
  return [
    object(
      'ServiceEntry',
      'networking',
      `hosts: [s${i}.default.svc.cluster.local], resolution: STATIC, ports: [{ number: 80, name: http }], workloadSelector: { labels: { app: s${i} } }`,
    ),
    object('WorkloadEntry', 'networking', `address: 127.0.0.1, labels: { app: s${i}, version: v1 }`),
    object(
      'VirtualService',
      'networking',
      `hosts: [s${i}], http: [{ route: [{ destination: { host: s${i}, subset: v1 } }] }]`,
    ),
    object(
      'DestinationRule',
      'networking',
      `host: s${i}, trafficPolicy: { tls: { mode: DISABLE } }, subsets: [{ name: v1, labels: { version: v1 } }]`,
    ),
    object('AuthorizationPolicy', 'security', `${selector}, rules: [{}]`),
    object('PeerAuthentication', 'security', selector),
  ].join('---\n');
}
