import type {
  V1ConfigMap,
  V1CustomResourceDefinition,
  V1Deployment,
  V1MutatingWebhookConfiguration,
  V1Pod,
} from '@kubernetes/client-node';
import { parse } from 'yaml';
import { ROOT_SECRET } from '../../control-plane/ca/cluster-authority.js';
import { BUNDLE_KEY, BUNDLE_NAME } from '../../control-plane/ca/trust-bundles.js';
import { HISTORY_NAME } from '../../control-plane/history/cluster-history.js';
import type { KubernetesApi } from '../../control-plane/kubernetes/api.js';
import { hasSidecar } from '../check/data-plane.js';
import type { Manifest } from '../install/manifests/names.js';
import { mergeValues } from '../install/overrides.js';
import { crdTexts, installation } from '../install/sections.js';
import { type Cluster, listAll } from '../mesh/cluster.js';
import { type Found, read, type Target, target } from './target.js';

/** What goes, in the order in which it goes, and what stays. */
export interface Plan {
  /** First, so that nothing is blocked by a control plane that is gone. */
  readonly webhooks: readonly Target[];
  /** What runs: gone before what it would write again. */
  readonly workloads: readonly Target[];
  /** Everything else, installed or written at run time. */
  readonly others: readonly Target[];
  readonly definitions: readonly { readonly target: Target; readonly objects: number }[];
  /** The control plane's namespace, if nothing of others is left in it by then. */
  readonly namespace: Target | undefined;
  /** What is left as it is, and why. */
  readonly kept: readonly string[];
  /** Pods that still carry a sidecar, as `namespace/name`. */
  readonly sidecars: readonly string[];
}

const PART_OF = 'app.kubernetes.io/part-of';
const RUNNING = ['Deployment', 'PodDisruptionBudget'];

/** Looks for everything that an installation consists of and its control plane has written. `purge`: definitions, too. */
export async function planUninstall({ api, rootNamespace }: Cluster, purge: boolean): Promise<Plan> {
  const kept: string[] = [];
  const installed = await installedObjects(api, rootNamespace, kept);
  const others = installed.filter(({ kind }) => !RUNNING.includes(kind));
  const namespace = await read(api, `/api/v1/namespaces/${rootNamespace}`);
  return {
    webhooks: await webhookConfigurations(api),
    workloads: installed.filter(({ kind }) => RUNNING.includes(kind)),
    others: [...others, ...(await writtenObjects(api, rootNamespace, kept))],
    definitions: purge ? await definitions(api, kept) : [],
    namespace: isOurs(namespace) ? target('v1', 'Namespace', rootNamespace) : undefined,
    kept,
    sidecars: (await listAll<V1Pod>(api, '/api/v1/pods'))
      .filter(hasSidecar)
      .map(({ metadata }) => `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`),
  };
}

export function isEmpty({ webhooks, workloads, others, definitions, namespace }: Plan): boolean {
  return webhooks.length + workloads.length + others.length + definitions.length === 0 && namespace === undefined;
}

function isOurs(object: Found | undefined): boolean {
  return object?.metadata?.labels?.[PART_OF] === 'weft';
}

/** What `weft install` makes with any values; of the same names only what is labelled as ours. */
async function installedObjects(api: KubernetesApi, rootNamespace: string, kept: string[]): Promise<Target[]> {
  const every = mergeValues({
    namespace: rootNamespace,
    gateways: { ingress: { enabled: true }, egress: { enabled: true } },
  });
  const apart = ['Namespace', 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'];
  const targets = installation(every)
    .filter(({ kind }) => !apart.includes(kind))
    .map(targetOf);
  const found = await Promise.all(targets.map(async (one) => ({ one, object: await read(api, one.path) })));
  for (const { one, object } of found)
    if (object !== undefined && !isOurs(object)) kept.push(`${one.kind} ${one.namespace}/${one.name}: not Weft's`);
  const release = found.find(({ one }) => one.kind === 'Deployment')?.object?.metadata?.annotations?.[
    'meta.helm.sh/release-name'
  ];
  if (release !== undefined)
    kept.push(`Helm's own record: helm uninstall ${release} -n ${rootNamespace} takes it away, before or after this`);
  return found.filter(({ object }) => isOurs(object)).map(({ one }) => one);
}

function targetOf(manifest: Manifest): Target {
  const { apiVersion, kind, metadata } = manifest as unknown as {
    apiVersion: string;
    kind: string;
    metadata: { name: string; namespace?: string };
  };
  return target(apiVersion, kind, metadata.name, metadata.namespace);
}

/** Those of every revision. */
async function webhookConfigurations(api: KubernetesApi): Promise<Target[]> {
  const kinds = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'];
  const lists = await Promise.all(
    kinds.map(async (kind) => {
      const version = 'admissionregistration.k8s.io/v1';
      const folder = `/apis/${version}/${kind.toLowerCase()}s`;
      const items = await listAll<V1MutatingWebhookConfiguration>(api, folder, { labelSelector: `${PART_OF}=weft` });
      return items.map(({ metadata }) => target(version, kind, metadata?.name ?? ''));
    }),
  );
  return lists.flat();
}

/** What the control plane writes while it runs; of trust bundles only those with the root of this mesh. */
async function writtenObjects(api: KubernetesApi, rootNamespace: string, kept: string[]): Promise<Target[]> {
  const own = [
    target('v1', 'Secret', ROOT_SECRET, rootNamespace),
    target('coordination.k8s.io/v1', 'Lease', 'weft-leader', rootNamespace),
    target('v1', 'ConfigMap', HISTORY_NAME, rootNamespace),
  ];
  const there = await Promise.all(own.map(async (one) => ((await read(api, one.path)) === undefined ? [] : [one])));
  const bundles = await listAll<V1ConfigMap>(api, '/api/v1/configmaps', {
    fieldSelector: `metadata.name=${BUNDLE_NAME}`,
  });
  const textIn = (bundle: V1ConfigMap | undefined): string | undefined => bundle?.data?.[BUNDLE_KEY]?.trim();
  const root = textIn(bundles.find(({ metadata }) => metadata?.namespace === rootNamespace));
  const written: Target[] = [];
  for (const bundle of bundles) {
    const { namespace = '' } = bundle.metadata ?? {};
    if (textIn(bundle) === root && bundle.metadata?.labels?.['istio.io/config'] === 'true')
      written.push(target('v1', 'ConfigMap', BUNDLE_NAME, namespace));
    else kept.push(`ConfigMap ${namespace}/${BUNDLE_NAME}: it holds another root`);
  }
  if ((await read(api, target('v1', 'Secret', 'cacerts', rootNamespace).path)) !== undefined)
    kept.push(`Secret ${rootNamespace}/cacerts: the authority that you brought, and with it the namespace`);
  return [...there.flat(), ...written];
}

async function definitions(api: KubernetesApi, kept: string[]): Promise<Plan['definitions']> {
  const istiods = await listAll<V1Deployment>(api, '/apis/apps/v1/deployments', { labelSelector: 'app=istiod' });
  if (istiods.length > 0) {
    kept.push("the definitions of Istio's API: an Istio runs here");
    return [];
  }
  const going: { target: Target; objects: number }[] = [];
  for (const text of crdTexts()) {
    const { metadata } = parse(text) as { metadata: { name: string } };
    const one = target('apiextensions.k8s.io/v1', 'CustomResourceDefinition', metadata.name);
    const definition = await read<V1CustomResourceDefinition>(api, one.path);
    if (definition === undefined) continue;
    if (
      definition.metadata?.labels?.[PART_OF] !== 'weft' ||
      definition.metadata.annotations?.['meta.helm.sh/release-name'] !== undefined
    )
      kept.push(`${one.kind} ${one.name}: somebody else's`);
    else going.push({ target: one, objects: await countObjects(api, definition) });
  }
  return going;
}

async function countObjects(api: KubernetesApi, { spec }: V1CustomResourceDefinition): Promise<number> {
  const version = spec.versions.find(({ served }) => served)?.name;
  if (version === undefined) return 0;
  return (await listAll(api, `/apis/${spec.group}/${version}/${spec.names.plural}`)).length;
}
