import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api, KubernetesObjectApi } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Section } from '../../cli/check/report.js';
import type { Finding } from '../../control-plane/api/object.js';
import { weft } from '../support/demo-process.js';
import { skipWithoutOwnApiServer, startTestCluster, type TestCluster } from '../support/kubernetes.js';
import { Replica } from '../support/replica.js';

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface CheckOutput {
  readonly installed: boolean;
  readonly errors: number;
  readonly sections: readonly Section[];
}

const BROKEN_ROUTE = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: broken }
spec:
  hosts: [reviews]
  http: [{ route: [{ destination: { host: nowhere } }] }]
`;

describe.skipIf(skipWithoutOwnApiServer())('weft analyze, check, install and uninstall at a real API server', () => {
  let cluster: TestCluster;
  const folder = mkdtempSync(join(tmpdir(), 'weft-cli-'));

  beforeAll(async () => {
    cluster = await startTestCluster();
    await cluster.createNamespaces('shop', 'default');
  }, 120_000);

  afterAll(async () => {
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function run(args: readonly string[], kubeconfig = cluster.kubeconfigPath): Promise<Run> {
    const env = { ...process.env, KUBECONFIG: kubeconfig, WEFT_STATE: join(folder, 'none') };
    return new Promise((resolve) => {
      execFile(process.execPath, [weft, ...args], { env, maxBuffer: 64 * 1024 * 1024 }, (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err }),
      );
    });
  }

  async function check(...args: string[]): Promise<CheckOutput & { readonly code: number }> {
    const { code, out, err } = await run(['check', '-o', 'json', ...args]);
    expect(err).toBe('');
    return { code, ...(JSON.parse(out) as CheckOutput) };
  }

  function linesOf({ sections }: CheckOutput, title: string): string[] {
    return (sections.find((section) => section.title === title)?.lines ?? []).map(
      ({ level, text }) => `${level}: ${text}`,
    );
  }

  /** A kubeconfig of an account that may do nothing but what everybody may. */
  async function nobody(): Promise<string> {
    const path = join(folder, 'nobody');
    writeFileSync(path, cluster.configFor(await cluster.token('shop', 'nobody')).exportConfig());
    return path;
  }

  it('finds an empty cluster ready, and says who may not install', async () => {
    const ready = await check();
    expect(ready).toMatchObject({ code: 0, installed: false, errors: 0 });
    expect(linesOf(ready, 'Rights')).toEqual([expect.stringMatching(/^ok/)]);
    expect(linesOf(ready, "Istio's API")).toEqual(["ok: none of Istio's API is defined: weft install brings it"]);
    const refused = await run(['check'], await nobody());
    expect(refused.code).toBe(1);
  });

  it('names what is in the way before it is installed', async () => {
    await cluster.apply(`
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio-injection: enabled, pod-security.kubernetes.io/enforce: baseline } }
---
apiVersion: v1
kind: Namespace
metadata: { name: legacy, annotations: { linkerd.io/inject: enabled } }
`);
    const { code, ...output } = await check();
    expect(code).toBe(1);
    expect(linesOf(output, 'Namespaces')).toEqual([
      expect.stringMatching(/^error: namespace shop: .*baseline forbids NET_ADMIN/),
      expect.stringMatching(/^warning: namespace legacy has linkerd.io\/inject/),
      'ok: namespaces that ask for sidecars: shop',
    ]);
    await cluster.apply(
      'apiVersion: v1\nkind: Namespace\nmetadata: { name: shop, labels: { istio-injection: enabled } }',
    );
    await cluster.apply(`
apiVersion: v1
kind: Pod
metadata: { name: old, namespace: shop, labels: { app: old } }
spec: { serviceAccountName: default, containers: [{ name: app, image: app }] }
`);
  });

  it('is installed, looked at while a control plane runs, analysed, and taken away without a trace', async () => {
    const { out, code } = await run(['install', '--profile', 'demo']);
    expect(code).toBe(0);
    await cluster.apply(out);
    const replica = new Replica('weft-control-plane-0', cluster.kubeconfigPath);
    await replica.xdsAddress();
    await until(async () => linesOf(await check(), 'Certificates').every((line) => line.startsWith('ok')));
    const output = await check();
    expect(output).toMatchObject({ code: 1, installed: true });
    expect(linesOf(output, 'Control plane')).toContain(
      'error: 0 of 1 replicas of istio-system/weft-control-plane are ready',
    );
    expect(linesOf(output, 'Control plane')).toContain('ok: weft-control-plane-0 leads');
    expect(linesOf(output, 'Webhooks')).toContain('ok: weft-injector: fails closed, and trusts the root of the mesh');
    expect(linesOf(output, "Istio's API")).toEqual([
      expect.stringMatching(/^ok: \d+ definitions of Istio's API, from Weft/),
    ]);
    expect(linesOf(output, 'Injection')).toEqual([
      'warning: namespace shop: without a sidecar, since older than the label: old',
    ]);
    await analysed();
    await replica.end();
    await uninstalled();
  }, 240_000);

  /** Webhooks are called at the Service's address, where nobody is: for this test they are not called. */
  async function analysed(): Promise<void> {
    const clean = await run(['analyze', '-n', 'shop', '-o', 'json']);
    expect(JSON.parse(clean.out)).toEqual([]);
    const file = join(folder, 'route.yaml');
    writeFileSync(file, BROKEN_ROUTE);
    const { code, out } = await run(['analyze', '-n', 'shop', '-f', file, '-o', 'json']);
    expect(code).toBe(1);
    const [finding] = JSON.parse(out) as Finding[];
    expect(finding).toMatchObject({ code: 'IST0101', object: 'VirtualService shop/broken', file });
    const blind = await run(['analyze', '-n', 'shop'], await nobody());
    expect(blind.err).toContain('you may not list services');
  }

  async function uninstalled(): Promise<void> {
    const core = cluster.kubeConfig.makeApiClient(CoreV1Api);
    const asked = await run(['uninstall']);
    expect(asked.code).toBe(2);
    const shown = await run(['uninstall', '--dry-run']);
    expect(shown.out).toContain('Secret istio-system/weft-ca-secret');
    expect(shown.out).toContain('ConfigMap shop/istio-ca-root-cert');
    const { out, code, err } = await run(['uninstall', '--purge', '--yes', '--timeout', '2s']);
    expect({ code, err }, out).toEqual({ code: 0, err: '' });
    // Nobody finishes namespaces here: there are no controllers.
    const namespace = await core.readNamespace({ name: 'istio-system' });
    expect(namespace.metadata?.deletionTimestamp).toBeDefined();
    expect(await ours()).toEqual(['Namespace istio-system']);
    expect(await everyName('v1', 'ConfigMap')).not.toContain('istio-ca-root-cert');
    expect(await everyName('v1', 'Secret')).toEqual([]);
    expect(await everyName('coordination.k8s.io/v1', 'Lease')).not.toContain('weft-leader');
    const again = await run(['uninstall', '--dry-run']);
    expect(again.out).not.toContain('weft-control-plane');
  }

  const KINDS: readonly (readonly [string, string])[] = [
    ['v1', 'Namespace'],
    ['v1', 'ConfigMap'],
    ['v1', 'Service'],
    ['v1', 'ServiceAccount'],
    ['apps/v1', 'Deployment'],
    ['policy/v1', 'PodDisruptionBudget'],
    ['rbac.authorization.k8s.io/v1', 'Role'],
    ['rbac.authorization.k8s.io/v1', 'RoleBinding'],
    ['rbac.authorization.k8s.io/v1', 'ClusterRole'],
    ['rbac.authorization.k8s.io/v1', 'ClusterRoleBinding'],
    ['admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration'],
    ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration'],
    ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
  ];

  async function ours(): Promise<string[]> {
    const api = KubernetesObjectApi.makeApiClient(cluster.kubeConfig);
    const lists = await Promise.all(
      KINDS.map(async ([apiVersion, kind]) => {
        const { items } = await api.list(
          apiVersion,
          kind,
          undefined,
          undefined,
          undefined,
          undefined,
          undefined,
          'app.kubernetes.io/part-of=weft',
        );
        return items.map(({ metadata }) => `${kind} ${metadata?.name ?? ''}`);
      }),
    );
    return lists.flat();
  }

  async function everyName(apiVersion: string, kind: string): Promise<string[]> {
    const { items } = await KubernetesObjectApi.makeApiClient(cluster.kubeConfig).list(apiVersion, kind);
    return items.map(({ metadata }) => metadata?.name ?? '');
  }
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it never came to hold');
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
