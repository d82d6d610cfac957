import type { V1Pod } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { messageOf } from '../../common/runtime/errors.js';
import type { ApiError } from '../../control-plane/kubernetes/api.js';
import { readStatus } from '../ca/read-status.js';
import type { ProxySync } from '../commands/proxy-status.js';
import { crdTexts } from '../install/sections.js';
import { askAll } from '../mesh/access.js';
import { clusterMesh } from '../mesh/cluster-mesh.js';
import { definitionLines, namespaceLines, versionLines, type Wanted } from './before.js';
import { caLines } from './certificates.js';
import { deploymentLines, trustLines, webhookLines } from './control-plane.js';
import { configurationLines, injectionLines, proxyLines } from './data-plane.js';
import { type Facts, isForbidden } from './facts.js';
import { otherLines } from './others.js';
import { error, type Line, type Section, warning } from './report.js';
import { rightLines } from './rights.js';

interface Question {
  readonly title: string;
  readonly lines: () => Promise<readonly Line[]>;
}

/**
 * Every section of `weft check`, as it becomes known; `onBegin` is called with the title of what is looked at next.
 * `installed`: Weft is there, so that its parts are looked at instead of the rights to install it.
 */
export async function* check(
  facts: Facts,
  installed: boolean,
  now: () => number,
  onBegin: (title: string) => void,
): AsyncGenerator<Section> {
  const questions = [...clusterQuestions(facts, installed), ...(installed ? meshQuestions(facts, now) : [])];
  for (const { title, lines } of questions) {
    onBegin(title);
    yield { title, lines: await lines().catch(failed) };
  }
}

function clusterQuestions(facts: Facts, installed: boolean): Question[] {
  const { api, rootNamespace } = facts;
  return [
    {
      title: 'Cluster',
      lines: async () => {
        const { gitVersion } = await api.request<{ gitVersion: string }>({ method: 'GET', path: '/version' });
        return versionLines(gitVersion, await facts.nodes());
      },
    },
    ...(installed ? [] : [{ title: 'Rights', lines: () => rightLines(api, rootNamespace) }]),
    { title: 'Namespaces', lines: async () => namespaceLines(await facts.namespaces()) },
    {
      title: 'Other meshes',
      lines: async () => otherLines(await facts.deployments(), await facts.injectors(), await facts.namespaces()),
    },
    {
      title: "Istio's API",
      lines: async () => definitionLines(wantedDefinitions(), await facts.definitions(), installed),
    },
  ];
}

function meshQuestions(facts: Facts, now: () => number): Question[] {
  const { rootNamespace, cluster } = facts;
  const mesh = clusterMesh(cluster);
  return [
    {
      title: 'Control plane',
      lines: async () => {
        const deployment = await facts.controlPlane();
        if (deployment === undefined)
          return [error(`there is no Deployment ${rootNamespace}/weft-control-plane`, INSTALL)];
        return deploymentLines(
          deployment,
          (await facts.pods()).filter(isControlPlane(rootNamespace)),
          await facts.lease(),
          now(),
        );
      },
    },
    {
      title: 'Webhooks',
      lines: async () => {
        const configurations = [...(await facts.injectors()), ...(await facts.validators())];
        return webhookLines(configurations, await facts.root(), await facts.service(), await facts.slices());
      },
    },
    {
      title: 'Certificates',
      lines: async () => {
        const lines = trustLines(await facts.root(), await facts.bundles(), await facts.namespaces(), now());
        const report = await readStatus(mesh, () => undefined).catch(() => undefined);
        return report === undefined ? lines : [...lines, ...caLines(report, now())];
      },
    },
    {
      title: 'Proxies',
      lines: async () => {
        const silent: Line[] = [];
        const proxies = await askAll<ProxySync>(mesh, '/debug/syncz', (line) =>
          silent.push(warning(line, 'see the control plane above')),
        );
        const [first] = await mesh.controlPlanes();
        const told = await first?.get('/version').catch(() => '{}');
        const { version = '' } = JSON.parse(told ?? '{}') as { version?: string };
        return [...silent, ...proxyLines(await facts.pods(), proxies, version)];
      },
    },
    {
      title: 'Injection',
      lines: async () =>
        injectionLines(await facts.pods(), await facts.namespaces(), await facts.injectors(), rootNamespace),
    },
    {
      title: 'Configuration',
      lines: async () => {
        const { readCluster } = await import('../../control-plane/sources/kubernetes/read-cluster.js');
        const { analyze } = await import('../../control-plane/analyze/analyze.js');
        const { set, gaps } = await readCluster(facts.api, { rootNamespace, namespaces: [rootNamespace] });
        return configurationLines(analyze(set), gaps);
      },
    },
  ];
}

export const INSTALL = 'weft install | kubectl apply --server-side -f -';

function failed(cause: unknown): Line[] {
  if (isForbidden(cause))
    return [warning(`cannot be looked at: ${(cause as ApiError).message}`, 'ask an administrator to run weft check')];
  return [error(`cannot be looked at: ${messageOf(cause)}`, 'try again, or see the control plane above')];
}

function isControlPlane(rootNamespace: string): (pod: V1Pod) => boolean {
  return ({ metadata }) =>
    metadata?.namespace === rootNamespace && metadata.labels?.['app.kubernetes.io/name'] === 'weft-control-plane';
}

function wantedDefinitions(): Wanted[] {
  return crdTexts().map((text) => {
    const { metadata, spec } = parse(text) as {
      metadata: { name: string };
      spec: { versions: readonly { name: string; served: boolean }[] };
    };
    return {
      name: metadata.name,
      versions: spec.versions.filter(({ served }) => served).map(({ name }) => name),
    };
  });
}
