import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { installationRoot } from '../installation.js';
import { mergeValues } from './overrides.js';
import { installation } from './sections.js';
import { PROFILES, type ValueOverrides } from './values.js';

/** Helm of the path, or of Go's folder for programs: `go install helm.sh/helm/v3/cmd/helm@v3.19.0`. */
function findHelm(): string | undefined {
  const gobin = process.env['GOBIN'] ?? join(process.env['GOPATH'] ?? join(process.env['HOME'] ?? '/', 'go'), 'bin');
  return ['helm', join(gobin, 'helm')].find(
    (program) => (program === 'helm' || existsSync(program)) && spawnSync(program, ['version']).status === 0,
  );
}

const helm = findHelm();
if (helm === undefined) process.stderr.write('skipped: no helm to render the chart with\n');

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

function byName(objects: readonly unknown[]): Record<string, unknown> {
  const named = (objects as readonly Rendered[]).map((object) => {
    const { name, namespace = '' } = object.metadata;
    return [`${object.kind} ${namespace}/${name}`, withParsedMesh(object)] as const;
  });
  return Object.fromEntries(named.sort(([a], [b]) => a.localeCompare(b)));
}

/** The mesh's settings are a text, whose keys may stand in another order. */
function withParsedMesh(object: Rendered): unknown {
  const { data } = object as { readonly data?: { readonly mesh?: string } };
  if (data?.mesh === undefined) return object;
  return { ...object, data: { mesh: parseAllDocuments(data.mesh).map((document) => document.toJSON() as unknown) } };
}

const CASES: readonly (readonly [string, ValueOverrides, readonly string[]])[] = [
  ['the defaults', {}, []],
  ['profile minimal', PROFILES.minimal, ['-f', 'profiles/minimal.yaml']],
  ['profile demo', PROFILES.demo, ['-f', 'profiles/demo.yaml']],
  [
    'values of every type',
    {
      namespace: 'mesh',
      image: { tag: '1.2.3' },
      controlPlane: { replicas: 3, resources: { limits: { memory: '1Gi' } } },
      injection: { enableNamespacesByDefault: true },
      gateways: { ingress: { enabled: false } },
      meshConfig: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
    },
    [
      ...['--namespace', 'mesh'],
      ...['--set', 'image.tag=1.2.3,controlPlane.replicas=3,controlPlane.resources.limits.memory=1Gi'],
      ...['--set', 'injection.enableNamespacesByDefault=true,gateways.ingress.enabled=false'],
      ...['--set', 'meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY'],
    ],
  ],
];

describe.skipIf(helm === undefined)('the Helm chart', () => {
  it.each(CASES)('renders what weft install prints: %s', (_name, values, args) => {
    const chart = join(installationRoot(), 'deploy', 'chart');
    const namespace = values.namespace === undefined ? ['--namespace', 'istio-system'] : [];
    const text = execFileSync(
      helm ?? '',
      ['template', 'weft', '.', '--kube-version', '1.30.0', ...namespace, ...args],
      {
        cwd: chart,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        maxBuffer: 64 << 20,
      },
    );
    const rendered = parseAllDocuments(text)
      .map((document) => document.toJSON() as unknown)
      .filter((object) => object !== null);
    const printed = installation(mergeValues(values)).filter(({ kind }) => kind !== 'Namespace');
    expect(byName(rendered)).toEqual(byName(JSON.parse(JSON.stringify(printed)) as unknown[]));
  });
});
