import type { V1Pod } from '@kubernetes/client-node';
import {
  INJECT,
  type InjectionSelector,
  injectionSelectors,
  LINKERD_INJECT,
  NAMESPACE_INJECTION,
  REVISION,
  SYSTEM_NAMESPACES,
} from '../selectors.js';
import { type InjectionPolicy, SIDECAR } from './config.js';
import { isEmptySelector, selects } from './label-selector.js';

export interface NamespaceInfo {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** One webhook of the injector, and why it sees the pod or not. */
export interface WebhookView {
  readonly webhook: string;
  readonly sees: boolean;
  readonly reason: string;
}

export interface Decision {
  readonly inject: boolean;
  /** The one reason that settled it. */
  readonly reason: string;
  readonly webhooks: readonly WebhookView[];
}

/** Whether a pod gets a sidecar, and why: what the webhooks' selectors let through, and what the injector itself looks at. */
export function decideInjection(pod: V1Pod, namespace: NamespaceInfo, policy: InjectionPolicy): Decision {
  const webhooks = injectionSelectors(policy).map((selector) => view(selector, pod, namespace));
  const decided = (inject: boolean, reason: string): Decision => ({ inject, reason, webhooks });
  const never = neverInjected(pod, namespace, policy);
  if (never !== undefined) return decided(false, never);
  const seen = webhooks.find(({ sees }) => sees);
  if (seen === undefined) return decided(false, unseenReason(pod, namespace, policy));
  return decided(...ownWill(pod, policy, seen.reason));
}

/** What the injector looks at once a webhook has sent it a pod: it may be asked about more than its selectors say. */
export function decideOnceSeen(
  pod: V1Pod,
  namespace: string,
  policy: InjectionPolicy,
): Pick<Decision, 'inject' | 'reason'> {
  const never = neverInjected(pod, { name: namespace, labels: {} }, policy);
  if (never !== undefined) return { inject: false, reason: never };
  const [inject, reason] = ownWill(pod, policy, 'a webhook matches');
  return { inject, reason };
}

function neverInjected(pod: V1Pod, namespace: NamespaceInfo, policy: InjectionPolicy): string | undefined {
  if (pod.spec?.hostNetwork === true) return "it uses the host's network, whose traffic must not be redirected";
  if (SYSTEM_NAMESPACES.includes(namespace.name)) return `namespace ${namespace.name} belongs to Kubernetes`;
  if (namespace.name === policy.rootNamespace) return `namespace ${namespace.name} is the control plane's own`;
  return undefined;
}

/** What the pod asks for itself; label before annotation, then selectors, then the policy. */
function ownWill(pod: V1Pod, policy: InjectionPolicy, seen: string): readonly [inject: boolean, reason: string] {
  const labels = pod.metadata?.labels ?? {};
  const annotation = pod.metadata?.annotations?.[INJECT];
  const [kind, wish] = labels[INJECT] === undefined ? ['annotation', annotation] : ['label', labels[INJECT]];
  if (wish === 'true') return [true, `pod ${kind} ${INJECT}=true`];
  if (wish === 'false') return [false, `pod ${kind} ${INJECT}=false`];
  const chosen = (selectors: InjectionPolicy['neverInject']): boolean =>
    selectors.some((selector) => !isEmptySelector(selector) && selects(selector, labels));
  if (chosen(policy.neverInject)) return [false, 'its labels match neverInjectSelector'];
  if (chosen(policy.alwaysInject)) return [true, 'its labels match alwaysInjectSelector'];
  return policy.enabled ? [true, seen] : [false, 'injection is off unless a pod asks for it (policy: disabled)'];
}

/** Whether the sidecar is there already. */
export function isInjected(pod: V1Pod): boolean {
  if (pod.metadata?.annotations?.['sidecar.istio.io/status'] === undefined) return false;
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  return [...containers, ...initContainers].some(({ name }) => name === SIDECAR);
}

function view(selector: InjectionSelector, pod: V1Pod, namespace: NamespaceInfo): WebhookView {
  const webhook = selector.name;
  const namespaceLabels = { ...namespace.labels, 'kubernetes.io/metadata.name': namespace.name };
  if (!selects(selector.namespaceSelector, namespaceLabels))
    return { webhook, sees: false, reason: 'the namespace is not selected' };
  if (!selects(selector.objectSelector, pod.metadata?.labels ?? {}))
    return { webhook, sees: false, reason: 'the labels of the pod are not selected' };
  if (selector.annotation && !asksByAnnotation(pod))
    return { webhook, sees: false, reason: 'the pod does not ask for it by annotation' };
  if (pod.spec?.hostNetwork === true) return { webhook, sees: false, reason: "the pod uses the host's network" };
  return { webhook, sees: true, reason: matchedReason(webhook, pod, namespace) };
}

function asksByAnnotation(pod: V1Pod): boolean {
  const annotations = pod.metadata?.annotations ?? {};
  if (annotations[INJECT] !== undefined) return annotations[INJECT] === 'true';
  return annotations[LINKERD_INJECT] === 'enabled';
}

function matchedReason(webhook: string, pod: V1Pod, { name, labels }: NamespaceInfo): string {
  switch (webhook.slice(0, webhook.indexOf('.sidecar-injector'))) {
    case 'rev.namespace':
      return `namespace ${name} has ${REVISION}=${labels[REVISION]}`;
    case 'rev.object':
      return `pod label ${REVISION}=${pod.metadata?.labels?.[REVISION]}`;
    case 'namespace':
      return `namespace ${name} has ${NAMESPACE_INJECTION}=enabled`;
    case 'object':
      return `pod label ${INJECT}=true`;
    case 'annotation':
      return pod.metadata?.annotations?.[INJECT] === 'true'
        ? `pod annotation ${INJECT}=true`
        : `pod annotation ${LINKERD_INJECT}=enabled`;
    default:
      return 'namespaces without a label are injected (enableNamespacesByDefault)';
  }
}

function unseenReason(pod: V1Pod, { name, labels }: NamespaceInfo, policy: InjectionPolicy): string {
  const pods = pod.metadata?.labels ?? {};
  const injection = labels[NAMESPACE_INJECTION];
  const revision = labels[REVISION];
  if (pods[INJECT] === 'false') return `pod label ${INJECT}=false`;
  if (injection !== undefined && injection !== 'enabled')
    return `namespace ${name} has ${NAMESPACE_INJECTION}=${injection}, which wins over pods`;
  if (injection === 'enabled') return `${NAMESPACE_INJECTION} belongs to revision default, this is ${policy.revision}`;
  if (revision !== undefined)
    return `namespace ${name} has ${REVISION}=${revision}, this is revision ${policy.revision}`;
  if (pods[REVISION] !== undefined)
    return `pod label ${REVISION}=${pods[REVISION]}, this is revision ${policy.revision}`;
  return `namespace ${name} has neither ${NAMESPACE_INJECTION} nor ${REVISION}, and the pod does not ask for it`;
}
