import type { V1MutatingWebhookConfiguration, V1Pod } from '@kubernetes/client-node';
import { INJECTOR } from '../../control-plane/webhooks/configurations.js';
import type { InjectionPolicy } from '../../control-plane/webhooks/inject/config.js';
import { decideInjection, isInjected, type NamespaceInfo } from '../../control-plane/webhooks/inject/decide.js';
import { selects } from '../../control-plane/webhooks/inject/label-selector.js';
import { REVISION } from '../../control-plane/webhooks/selectors.js';

export interface InjectorRow {
  readonly configuration: string;
  readonly webhook: string;
  readonly revision: string;
  readonly sees: boolean;
  readonly reason: string;
}

export interface InjectReport {
  readonly pod: string;
  readonly injected: boolean;
  /** Whether a pod like this one would be injected now. */
  readonly wouldBe: boolean;
  readonly reason: string;
  readonly rows: readonly InjectorRow[];
  /** What to do about it. */
  readonly advice: readonly string[];
}

/** Why a pod has a sidecar or not, from what is installed in the cluster. Pure. */
export function reportInjection(
  pod: V1Pod,
  namespace: NamespaceInfo,
  configurations: readonly V1MutatingWebhookConfiguration[],
  rootNamespace: string,
): InjectReport {
  const injectors = configurations.filter(({ webhooks = [] }) => webhooks.some(({ name }) => isInjector(name)));
  const ours = injectors.find(({ metadata }) => metadata?.name === INJECTOR);
  const policy = policyOf(ours, rootNamespace);
  const decision = decideInjection(pod, namespace, policy);
  const own = decision.webhooks
    .filter(({ webhook }) => ours?.webhooks?.some(({ name }) => name === webhook))
    .map(({ webhook, sees, reason }) => ({
      configuration: INJECTOR,
      webhook,
      revision: policy.revision,
      sees,
      reason,
    }));
  const others = injectors.filter((one) => one !== ours).flatMap((one) => rowsOf(one, pod, namespace));
  const injected = isInjected(pod);
  const wouldBe = ours !== undefined && decision.inject;
  const reason = ours === undefined ? `there is no webhook configuration ${INJECTOR}` : decision.reason;
  return {
    pod: `${namespace.name}/${pod.metadata?.name ?? ''}`,
    injected,
    wouldBe,
    reason,
    rows: [...own, ...others],
    advice: adviceFor({ injected, wouldBe, ours, others, pod, namespace }),
  };
}

function isInjector(name: string): boolean {
  return name.endsWith('sidecar-injector.istio.io');
}

/** As it is installed: the webhook for namespaces without labels is there, or not. */
function policyOf(configuration: V1MutatingWebhookConfiguration | undefined, rootNamespace: string): InjectionPolicy {
  return {
    revision: configuration?.metadata?.labels?.[REVISION] ?? 'default',
    rootNamespace,
    enableNamespacesByDefault: configuration?.webhooks?.some(({ name }) => name.startsWith('auto.')) ?? false,
    enabled: true,
    neverInject: [],
    alwaysInject: [],
  };
}

/** Somebody else's injector: only its selectors are known. */
function rowsOf(
  { metadata, webhooks = [] }: V1MutatingWebhookConfiguration,
  pod: V1Pod,
  namespace: NamespaceInfo,
): InjectorRow[] {
  const labels = { ...namespace.labels, 'kubernetes.io/metadata.name': namespace.name };
  return webhooks
    .filter(({ name }) => isInjector(name))
    .map(({ name, namespaceSelector, objectSelector }) => {
      const ofNamespace = selects(namespaceSelector ?? {}, labels);
      const ofPod = selects(objectSelector ?? {}, pod.metadata?.labels ?? {});
      const reason = ofNamespace ? 'the labels of the pod are not selected' : 'the namespace is not selected';
      return {
        configuration: metadata?.name ?? '',
        webhook: name,
        revision: metadata?.labels?.[REVISION] ?? '',
        sees: ofNamespace && ofPod,
        reason: ofNamespace && ofPod ? 'namespace and pod are selected' : reason,
      };
    });
}

interface Situation {
  readonly injected: boolean;
  readonly wouldBe: boolean;
  readonly ours: V1MutatingWebhookConfiguration | undefined;
  readonly others: readonly InjectorRow[];
  readonly pod: V1Pod;
  readonly namespace: NamespaceInfo;
}

function adviceFor({ injected, wouldBe, ours, others, pod, namespace }: Situation): string[] {
  const advice: string[] = [];
  if (ours === undefined) advice.push('install the control plane: weft install | kubectl apply --server-side -f -');
  else if (ours.webhooks?.some(({ clientConfig }) => (clientConfig.caBundle ?? '') === '') === true)
    advice.push(`${INJECTOR} has no CA bundle yet, so that pods cannot be created: is the control plane running?`);
  if (!injected && wouldBe) advice.push('it was created before that was so: restart it (kubectl rollout restart …)');
  if (injected && !wouldBe) advice.push('it keeps its sidecar until it is restarted');
  if (!wouldBe && pod.spec?.hostNetwork !== true && isUnlabelled(namespace))
    advice.push(`to inject the namespace: kubectl label namespace ${namespace.name} istio-injection=enabled`);
  if (namespace.labels['linkerd.io/inject'] !== undefined || namespace.annotations?.['linkerd.io/inject'] === 'enabled')
    advice.push(
      `linkerd.io/inject counts on pods, not on namespaces: kubectl label namespace ${namespace.name} istio-injection=enabled`,
    );
  if (wouldBe && others.some(({ sees }) => sees))
    advice.push('another injector selects it too: give namespaces to one of the two by istio.io/rev');
  return advice;
}

function isUnlabelled({ labels }: NamespaceInfo): boolean {
  return labels['istio-injection'] === undefined && labels[REVISION] === undefined;
}
