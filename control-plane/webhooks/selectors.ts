import type { V1LabelSelector, V1LabelSelectorRequirement, V1MatchCondition } from '@kubernetes/client-node';
import type { InjectionPolicy } from './inject/config.js';

export const INJECT = 'sidecar.istio.io/inject';
export const REVISION = 'istio.io/rev';
export const NAMESPACE_INJECTION = 'istio-injection';
export const LINKERD_INJECT = 'linkerd.io/inject';
const NAMESPACE_NAME = 'kubernetes.io/metadata.name';

/** Kubernetes' own namespaces: a fault of ours must not keep their pods from starting. */
export const SYSTEM_NAMESPACES = ['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage'];

/** One entry of the injector's webhook configuration: which namespaces and pods it is asked about. */
export interface InjectionSelector {
  readonly name: string;
  readonly namespaceSelector: V1LabelSelector;
  readonly objectSelector: V1LabelSelector;
  readonly matchConditions: readonly V1MatchCondition[];
  /** What is asked of annotations, which selectors cannot see. */
  readonly annotation: boolean;
}

const exists = (key: string, there: boolean): V1LabelSelectorRequirement => ({
  key,
  operator: there ? 'Exists' : 'DoesNotExist',
});
const oneOf = (key: string, ...values: string[]): V1LabelSelectorRequirement => ({ key, operator: 'In', values });
const noneOf = (key: string, ...values: string[]): V1LabelSelectorRequirement => ({ key, operator: 'NotIn', values });

const NOT_HOST_NETWORK = {
  name: 'not-host-network',
  expression: '!has(object.spec.hostNetwork) || !object.spec.hostNetwork',
};

const has = (annotation: string, value: string): string =>
  `'${annotation}' in object.metadata.annotations && object.metadata.annotations['${annotation}'] == '${value}'`;

const BY_ANNOTATION = {
  name: 'asked-for-by-annotation',
  expression: `has(object.metadata.annotations) && ((${has(INJECT, 'true')}) || (!('${INJECT}' in object.metadata.annotations) && ${has(LINKERD_INJECT, 'enabled')}))`,
};

/** Istio's four webhooks, the one for all namespaces where that is on, and one for pods that ask by annotation. */
export function injectionSelectors(policy: InjectionPolicy): readonly InjectionSelector[] {
  const never = [...SYSTEM_NAMESPACES, policy.rootNamespace];
  const entry = (
    prefix: string,
    namespace: readonly V1LabelSelectorRequirement[],
    object: readonly V1LabelSelectorRequirement[],
    annotation = false,
  ): InjectionSelector => ({
    name: `${prefix}.sidecar-injector.istio.io`,
    namespaceSelector: { matchExpressions: [...namespace, noneOf(NAMESPACE_NAME, ...never)] },
    objectSelector: { matchExpressions: [...object] },
    matchConditions: annotation ? [NOT_HOST_NETWORK, BY_ANNOTATION] : [NOT_HOST_NETWORK],
    annotation,
  });
  const unlabelled = [exists(NAMESPACE_INJECTION, false), exists(REVISION, false)];
  const notRefused = noneOf(INJECT, 'false');
  const ofRevision = [
    entry('rev.namespace', [oneOf(REVISION, policy.revision), exists(NAMESPACE_INJECTION, false)], [notRefused]),
    entry('rev.object', unlabelled, [notRefused, oneOf(REVISION, policy.revision)]),
  ];
  if (policy.revision !== 'default') return ofRevision;
  return [
    ...ofRevision,
    entry('namespace', [oneOf(NAMESPACE_INJECTION, 'enabled')], [notRefused]),
    entry('object', unlabelled, [oneOf(INJECT, 'true'), exists(REVISION, false)]),
    entry('annotation', unlabelled, [exists(INJECT, false), exists(REVISION, false)], true),
    ...(policy.enableNamespacesByDefault
      ? [entry('auto', unlabelled, [exists(INJECT, false), exists(REVISION, false)])]
      : []),
  ];
}
