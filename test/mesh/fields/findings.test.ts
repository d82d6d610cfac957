import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../../control-plane/api/object.js';
import { weft } from '../../support/demo-process.js';
import { all, FieldMesh, routes, rule, serviceOf } from '../../support/field-mesh.js';

const mesh = new FieldMesh();
beforeAll(() =>
  mesh.start(
    [
      { name: 'client', labels: { app: 'client' } },
      { name: 'shop-v1', labels: { app: 'shop', version: 'v1' } },
    ],
    { 'services.yaml': serviceOf('shop') },
  ),
);
afterAll(() => mesh.dispose());

const line = ({ file, line: at, field, object, message }: Finding): string =>
  `${file}:${at} ${field === '' ? object : field}: ${message}`;

const IN_FORCE = '; the last good version stays in force';

/** `weft analyze` of the mesh's folder, as its users see it. */
async function analyze(): Promise<string> {
  const run = promisify(execFile)(process.execPath, [weft, 'analyze', mesh.mesh.config]);
  return run.then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout ?? '',
  );
}

/** What is written, and the field and the message that everybody is told. */
const FINDINGS: readonly [what: string, yaml: string, field: string, message: RegExp][] = [
  [
    'an unknown field',
    routes('[{route: [{destination: {host: shop}}], colour: red}]'),
    'spec.http[0].colour',
    /unknown field/,
  ],
  [
    'a field of another type',
    routes('[{route: [{destination: {host: shop}}], timeout: soon}]'),
    'spec.http[0].timeout',
    /must be a duration/,
  ],
  [
    'a field that is not supported',
    'apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: x}\nspec: {configPatches: [{applyTo: CLUSTER, match: {waypoint: {}}, patch: {operation: REMOVE}}]}\n',
    'spec.configPatches[0].match.waypoint',
    /not supported in this release/,
  ],
  [
    'a host that is not there',
    routes('[{route: [{destination: {host: nobody}}]}]'),
    'spec.http[0].route[0].destination.host',
    /nobody/,
  ],
  [
    'a subset that is not there',
    routes('[{route: [{destination: {host: shop, subset: v7}}]}]'),
    'spec.http[0].route[0].destination.subset',
    /v7/,
  ],
  [
    'a route that is never reached',
    routes('[{route: [{destination: {host: shop}}]}, {route: [{destination: {host: shop}}]}]'),
    'spec.http[1]',
    /never/,
  ],
  [
    'two VirtualServices of one host',
    routes('[{route: [{destination: {host: shop}}]}]') +
      `---\n${routes('[{route: [{destination: {host: shop}}]}]').replace('name: for', 'name: x')}`,
    'spec.hosts[0]',
    /shop/,
  ],
  [
    'a kind that is not supported',
    'apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: x}\nspec: {}\n',
    'kind',
    /not supported/,
  ],
  [
    'a kind that nobody knows',
    'apiVersion: networking.istio.io/v1\nkind: VirtualServise\nmetadata: {name: x}\nspec: {}\n',
    'kind',
    /did you mean "VirtualService"/,
  ],
  ['a version that was never served', routes('[]').replace('/v1\n', '/v9\n'), 'apiVersion', /v1beta1/],
  [
    'a selector without workloads',
    'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: x}\nspec: {selector: {matchLabels: {app: none}}}\n',
    'spec.selector.matchLabels',
    /app=none/,
  ],
  [
    'ejection that a small service never sees',
    rule('trafficPolicy: {outlierDetection: {consecutive5xxErrors: 1}}'),
    'spec.trafficPolicy.outlierDetection.maxEjectionPercent',
    /100/,
  ],
];

describe('what is told about a configuration', () => {
  it.each(FINDINGS)(
    '%s: once, by the control plane’s log, its debug port and weft analyze alike',
    async (_, yaml, field, message) => {
      const before = mesh.mesh.log.length;
      await mesh.apply(yaml);
      const found = (await mesh.findings()).filter(
        (finding) => finding.field === field && message.test(finding.message),
      );
      expect(found).toHaveLength(1);
      const text = found.map(line)[0] ?? '';
      expect(text).toMatch(/^case\.yaml:\d+ /);
      await mesh.mesh.until('the line of the control plane', async () => {
        if (!mesh.mesh.log.slice(before).includes(`control-plane: ${text}`)) throw new Error('not there');
      });
      // Only the running control plane knows of a version before.
      const told = (await mesh.findings()).map((finding) => line(finding).replace(IN_FORCE, ''));
      const report = (await analyze()).split('\n').filter((entry) => entry.startsWith('case.yaml'));
      expect(report.map((entry) => entry.replace(/ \[\w+ \w+\]$/, '')).sort()).toEqual(told.sort());
    },
  );

  it('is told once, whatever else changes', async () => {
    const broken = routes('[{route: [{destination: {host: nobody}}]}]');
    await mesh.apply(broken);
    const before = mesh.mesh.log.length;
    await mesh.apply(all(broken, rule('subsets: []')));
    expect(mesh.mesh.log.slice(before).filter((entry) => entry.includes('nobody'))).toEqual([]);
  });
});

describe('a file that is broken', () => {
  const good = routes('[{directResponse: {status: 201}}]');

  it.each([
    ['YAML', 'kind: [', /yaml/i],
    ['a value', routes('[{directResponse: {status: 2}}]'), /status/],
  ])('in %s leaves the last good state, and says where', async (_, text, message) => {
    await mesh.apply('');
    mesh.mesh.write('own.yaml', good);
    await mesh.mesh.until('the good state', async () => {
      if ((await mesh.call({ host: 'shop' })).status !== 201) throw new Error('not yet');
    });
    mesh.mesh.write('own.yaml', text);
    await mesh.mesh.until('the finding', async () => {
      const [first] = (await mesh.findings()).filter(({ file }) => file === 'own.yaml');
      if (first === undefined || !message.test(`${first.field} ${first.message}`))
        throw new Error(JSON.stringify(first));
    });
    expect((await mesh.call({ host: 'shop' })).status).toBe(201);
    mesh.mesh.write('own.yaml', '# nothing\n');
    await mesh.mesh.until('the end of it', async () => {
      if ((await mesh.call({ host: 'shop' })).status !== 200) throw new Error('not yet');
    });
  });
});
