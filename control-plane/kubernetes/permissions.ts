/** A rule of a Role or ClusterRole (rbac.authorization.k8s.io/v1). */
export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

const READ = ['get', 'list', 'watch'];
const ISTIO_GROUPS = ['networking.istio.io', 'security.istio.io', 'telemetry.istio.io', 'extensions.istio.io'];

/**
 * What the control plane may do in the whole cluster, and not more. Pods are read for addresses, labels and accounts; Secrets
 * only because Gateways and DestinationRules of any namespace may refer to them.
 */
export const CLUSTER_RULES: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['services', 'pods', 'nodes', 'namespaces'], verbs: READ },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
  // What Gateways (credentialName) and DestinationRules refer to, each watched by its name.
  { apiGroups: [''], resources: ['secrets'], verbs: READ },
  { apiGroups: [...ISTIO_GROUPS, 'split.smi-spec.io'], resources: ['*'], verbs: READ },
  { apiGroups: ISTIO_GROUPS, resources: ['*/status'], verbs: ['get', 'patch', 'update'] },
  // Kinds that are not defined yet are noticed when they come.
  { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: READ },
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  // The trust bundle istio-ca-root-cert in every namespace; creation cannot be bound to a name.
  { apiGroups: [''], resources: ['configmaps'], verbs: ['create', ...READ] },
  { apiGroups: [''], resources: ['configmaps'], resourceNames: ['istio-ca-root-cert'], verbs: ['patch', 'update'] },
  // Their certificates' issuer is written into the webhooks' own configurations.
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
    verbs: READ,
  },
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations'],
    resourceNames: ['weft-injector'],
    verbs: ['patch', 'update'],
  },
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['validatingwebhookconfigurations'],
    resourceNames: ['weft-validator'],
    verbs: ['patch', 'update'],
  },
];

/** What it may do in its own namespace: lead, and keep the root of the mesh. */
export const NAMESPACE_RULES: readonly PolicyRule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: ['weft-leader'],
    verbs: ['get', 'update'],
  },
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
];
