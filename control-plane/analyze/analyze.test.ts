import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { expectGolden, expectNoStale, goldenCases } from '../../test/support/golden.js';
import { mergeFiles } from '../sources/folder/config-set.js';
import { readFile } from '../sources/folder/file-state.js';
import { Analyzer, analyze } from './analyze.js';

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
    const reads = (services: number): number => {
      const set = mergeFiles(
        Array.from({ length: services }, (_, i) =>
          readFile({ name: `${i}.yaml`, text: serviceWithPolicies(i), fault: undefined }, undefined),
        ),
        [],
      );
      const counter = new ReadCounter();
      const objects = new Map([...set.objects].map(([key, object]) => [key, counter.watch(object)]));
      expect(analyze({ ...set, objects })).toEqual([]);
      return counter.reads;
    };
    // Sixteen times the services; what looks at each pair of them reads 256 times as often. Sorting has its logarithm.
    expect(reads(160) / reads(10)).toBeLessThan(32);
  });
});

const pod = (name: string, app: string): string => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: default, labels: {app: ${app}}}
spec: {containers: [{name: app}]}
status: {podIP: 10.0.0.1}
`;
const subsets = (detection: string): string => `---
apiVersion: v1
kind: Service
metadata: {name: a, namespace: default}
spec: {clusterIP: 10.0.1.1, selector: {app: a}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a, namespace: default}
spec: {host: a, subsets: [{name: v1, labels: {app: a}}]${detection}}
`;

describe('one set after the other', () => {
  const set = (text: string) => mergeFiles([readFile({ name: 'in.yaml', text, fault: undefined }, undefined)], []);
  const rule = subsets('');
  const detecting = subsets(', trafficPolicy: {outlierDetection: {maxEjectionPercent: 40}}');
  const untold = `${rule}---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: default}
spec: {selector: {matchLabels: {app: a}}, rules: [{when: [{key: "request.auth.claims[iss]", values: [x]}]}]}
`;

  it.each([
    ['a pod in place of one like it', rule, [pod('a-1', 'a') + pod('a-2', 'a'), pod('a-2', 'a') + pod('a-3', 'a')]],
    ['the last of its kind', rule, [pod('a-1', 'a'), pod('b-1', 'b'), pod('a-1', 'a')]],
    ['a pod that is counted', detecting, [pod('a-1', 'a'), pod('a-1', 'a') + pod('a-2', 'a') + pod('a-3', 'a')]],
    ['a pod that is named', untold, [pod('a-1', 'a') + pod('a-2', 'a'), pod('a-2', 'a')]],
  ])('finds the same as a fresh one: %s', (_, rest, states) => {
    const analyzer = new Analyzer();
    for (const pods of states) expect(analyzer.analyze(set(rest + pods))).toEqual(analyze(set(rest + pods)));
  });

  it('does not look again for a pod like others', () => {
    const analyzer = new Analyzer();
    const base = set(rule + pod('a-1', 'a'));
    const found = analyzer.analyze(base);
    const more = new Map([...base.objects, ...set(pod('a-2', 'a')).objects]);
    expect(analyzer.analyze({ ...base, objects: more })).toBe(found);
  });
});

/** Counts how often anything of the watched objects is looked at. */
class ReadCounter {
  reads = 0;
  private readonly watched = new WeakMap<object, object>();

  watch<T extends object>(object: T): T {
    const known = this.watched.get(object) as T | undefined;
    if (known !== undefined) return known;
    const proxy = new Proxy(object, {
      get: (target, key): unknown => {
        this.reads++;
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'object' && value !== null ? this.watch(value) : value;
      },
    });
    this.watched.set(object, proxy);
    return proxy;
  }
}

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

describe('one set after the other', () => {
  const slice = (address: string) =>
    `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-1, namespace: default, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
endpoints: [{addresses: [${address}]}]
`;
  const route = (host: string) => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec: {hosts: [a.example.com], http: [{route: [{destination: {host: ${host}}}]}]}
`;
  const set = (text: string) => mergeFiles([readFile({ name: 'in.yaml', text, fault: undefined }, undefined)], []);

  it('looks anew only when something has changed that a check looks at', () => {
    const analyzer = new Analyzer();
    const first = set(slice('10.0.0.1') + route('nowhere.example.com'));
    const found = analyzer.analyze(first);
    expect(found.length).toBeGreaterThan(0);
    const same = { ...first, objects: new Map(first.objects) };
    const [key, object] = [...same.objects].find(([, { kind }]) => kind === 'EndpointSlice') ?? [];
    if (key === undefined || object === undefined) throw new Error('there is no slice');
    same.objects.set(key, { ...object });
    expect(analyzer.analyze(same)).toBe(found);
    const withFinding = { ...same, findings: [{ ...found[0], code: 'IST0106', object: 'Other a/b' }] } as typeof same;
    expect(analyzer.analyze(withFinding).length).toBe(found.length + 1);
    const other = set(slice('10.0.0.1') + route('elsewhere.example.com'));
    expect(analyzer.analyze(other)).toEqual(analyze(other));
    expect(analyzer.analyze(other)).not.toEqual(found);
  });
});
