import type { V1Deployment, V1MutatingWebhookConfiguration, V1Namespace } from '@kubernetes/client-node';
import { INJECTOR } from '../../control-plane/webhooks/configurations.js';
import { selects } from '../../control-plane/webhooks/inject/label-selector.js';
import { error, type Line, ok, some, warning } from './report.js';

const LINKERD = 'linkerd-proxy-injector-webhook-config';

/** Other meshes in the cluster, and which namespaces are whose. Pure. */
export function otherLines(
  deployments: readonly V1Deployment[],
  injectors: readonly V1MutatingWebhookConfiguration[],
  namespaces: readonly V1Namespace[],
): Line[] {
  return [
    ...istioLines(deployments, injectors, namespaces),
    ...linkerdLines(deployments, injectors, namespaces),
    ...doubleLines(injectors, namespaces),
  ];
}

function istioLines(
  deployments: readonly V1Deployment[],
  injectors: readonly V1MutatingWebhookConfiguration[],
  namespaces: readonly V1Namespace[],
): Line[] {
  const istiods = deployments.filter(({ metadata }) => metadata?.labels?.['app'] === 'istiod');
  const theirs = injectors.filter((one) => isSidecarInjector(one) && !isOurs(one));
  if (istiods.length === 0 && theirs.length === 0) return [ok('no Istio runs here')];
  const lines: Line[] = [];
  for (const { metadata } of istiods) {
    const { name = '', namespace = '', labels = {} } = metadata ?? {};
    lines.push(
      error(
        `Istio runs here: ${namespace}/${name}, revision ${labels['istio.io/rev'] ?? 'default'}; it and Weft would both write ConfigMap istio-ca-root-cert in every namespace`,
        `its configuration stays when its control plane goes: istioctl uninstall --purge, or helm uninstall istiod -n ${namespace}, but keep the definitions (istio-base); then restart the pods`,
      ),
    );
  }
  for (const injector of theirs) {
    const name = injector.metadata?.name ?? '';
    const owned = namespaces.filter((namespace) => selectsNamespace(injector, namespace)).map(nameOf);
    const revision = injector.metadata?.labels?.['istio.io/rev'] ?? 'default';
    const whose = owned.length === 0 ? 'no namespace' : some(owned);
    lines.push(
      istiods.length === 0
        ? warning(
            `injector ${name} (revision ${revision}, owns ${whose}) is left over: no Istio runs`,
            `kubectl delete mutatingwebhookconfiguration ${name}`,
          )
        : ok(`injector ${name} (Istio, revision ${revision}) owns ${whose}`),
    );
  }
  return lines;
}

function linkerdLines(
  deployments: readonly V1Deployment[],
  injectors: readonly V1MutatingWebhookConfiguration[],
  namespaces: readonly V1Namespace[],
): Line[] {
  const runs = deployments.some(
    ({ metadata }) => metadata?.labels?.['linkerd.io/control-plane-component'] !== undefined,
  );
  if (!runs && !injectors.some(({ metadata }) => metadata?.name === LINKERD)) return [ok('no Linkerd runs here')];
  const owned = namespaces
    .filter(({ metadata }) => metadata?.annotations?.['linkerd.io/inject'] === 'enabled')
    .map(nameOf);
  const asked = owned.filter((name) =>
    namespaces.some((namespace) => nameOf(namespace) === name && labelled(namespace)),
  );
  const lines = [ok(`Linkerd runs here and owns ${owned.length === 0 ? 'no namespace' : some(owned)}`)];
  for (const name of asked)
    lines.push(
      error(
        `namespace ${name} asks both Linkerd and Weft for sidecars`,
        `kubectl annotate namespace ${name} linkerd.io/inject-, or kubectl label namespace ${name} istio-injection-`,
      ),
    );
  return lines;
}

/** Two injectors for one namespace give its pods two sidecars. */
function doubleLines(injectors: readonly V1MutatingWebhookConfiguration[], namespaces: readonly V1Namespace[]): Line[] {
  const ours = injectors.filter(isOurs);
  const theirs = injectors.filter((one) => isSidecarInjector(one) && !isOurs(one));
  const both = namespaces
    .filter(labelled)
    .filter((namespace) => [ours, theirs].every((side) => side.some((one) => selectsNamespace(one, namespace))))
    .map(nameOf);
  if (both.length === 0) return [];
  const [first = ''] = both;
  return [
    error(
      `namespaces that both Weft and another injector select: ${some(both)}`,
      `give each to one: kubectl label namespace ${first} istio-injection- istio.io/rev=REVISION`,
    ),
  ];
}

function isSidecarInjector({ webhooks = [] }: V1MutatingWebhookConfiguration): boolean {
  return webhooks.some(({ name }) => name.endsWith('sidecar-injector.istio.io'));
}

function isOurs({ metadata }: V1MutatingWebhookConfiguration): boolean {
  return metadata?.name === INJECTOR || metadata?.name?.startsWith(`${INJECTOR}-`) === true;
}

/** By the namespace alone: pods may ask for themselves wherever nobody says anything. */
function selectsNamespace({ webhooks = [] }: V1MutatingWebhookConfiguration, namespace: V1Namespace): boolean {
  if (!labelled(namespace)) return false;
  const labels = { ...namespace.metadata?.labels, 'kubernetes.io/metadata.name': nameOf(namespace) };
  return webhooks.some(({ namespaceSelector }) => selects(namespaceSelector ?? {}, labels));
}

function labelled({ metadata }: V1Namespace): boolean {
  const { 'istio-injection': injection, 'istio.io/rev': revision } = metadata?.labels ?? {};
  return injection === 'enabled' || (injection === undefined && revision !== undefined);
}

function nameOf({ metadata }: V1Namespace): string {
  return metadata?.name ?? '';
}
