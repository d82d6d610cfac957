import { watchedResources } from '../sources/kubernetes/resources.js';

/** A rule about objects of a Role or ClusterRole (rbac.authorization.k8s.io/v1). */
export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

const READ = ['get', 'list', 'watch'];

/** What the control plane may do in the whole cluster, and not more; its manifests are made from this. */
export const CLUSTER_RULES: readonly PolicyRule[] = clusterRules();

/** What it may do in its own namespace: lead, read the mesh's settings, and keep the root of the mesh. */
export const NAMESPACE_RULES: readonly PolicyRule[] = namespaceRules();

/** What a person needs in the control plane's namespace to look: `weft stat`, `weft dashboard` and the like come by a port-forward. */
export const VIEWER_RULES: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
  // Both, since API servers differ in what they take the upgrade of a connection for.
  { apiGroups: [''], resources: ['pods/portforward'], verbs: ['get', 'create'] },
];

/** What a person needs there to step in: `weft rollback`, `resume` and `bypass`. */
export const OPERATOR_RULES: readonly PolicyRule[] = [
  ...VIEWER_RULES,
  { apiGroups: [''], resources: ['configmaps'], resourceNames: ['weft-interventions'], verbs: ['get', 'update'] },
];

/** What it needs besides where certificates of workloads come from a signer of the CSR API: to approve for that signer only. */
export function signerRules(signerName: string): readonly PolicyRule[] {
  const apiGroups = ['certificates.k8s.io'];
  return [
    { apiGroups, resources: ['certificatesigningrequests'], verbs: ['create', 'get', 'delete'] },
    { apiGroups, resources: ['certificatesigningrequests/approval'], verbs: ['update'] },
    { apiGroups, resources: ['signers'], resourceNames: [signerName], verbs: ['approve'] },
  ];
}

function clusterRules(): PolicyRule[] {
  return [
    ...readRules(),
    ...statusRules(),
    // Of proxies that join by a WorkloadGroup.
    {
      apiGroups: ['networking.istio.io'],
      resources: ['workloadentries'],
      verbs: ['create', 'delete', 'patch'],
    },
    // What Gateways (credentialName) and DestinationRules of any namespace refer to, each watched by its name.
    { apiGroups: [''], resources: ['secrets'], verbs: READ },
    // Kinds that are not defined yet are noticed when they come.
    { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: READ },
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    // Whether somebody who asks from elsewhere may see the mesh.
    { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
    // What somebody rolled back or bypassed is told in the namespaces that it concerns.
    { apiGroups: [''], resources: ['events'], verbs: ['create'] },
    // The trust bundle in every namespace; creation cannot be bound to a name.
    { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
    {
      apiGroups: [''],
      resources: ['configmaps'],
      resourceNames: ['istio-ca-root-cert'],
      verbs: [...READ, 'patch', 'update'],
    },
    ...webhookRules(),
  ];
}

function namespaceRules(): PolicyRule[] {
  return [
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
    {
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      resourceNames: ['weft-leader'],
      verbs: ['get', 'update'],
    },
    { apiGroups: [''], resources: ['configmaps'], resourceNames: ['istio', 'weft-interventions'], verbs: READ },
    // The versions of the configuration, for all replicas.
    { apiGroups: [''], resources: ['configmaps'], resourceNames: ['weft-history'], verbs: [...READ, 'update'] },
    { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
    // A root that takes over from another.
    { apiGroups: [''], resources: ['secrets'], resourceNames: ['weft-ca-secret'], verbs: ['patch'] },
  ];
}

function readRules(): PolicyRule[] {
  const byGroup = new Map<string, string[]>();
  for (const { group, plural, namespace } of watchedResources()) {
    // Single objects have rules of their own.
    if (namespace === undefined) byGroup.set(group, [...(byGroup.get(group) ?? []), plural]);
  }
  return [...byGroup].map(([group, plurals]) => ({ apiGroups: [group], resources: plurals, verbs: READ }));
}

function statusRules(): PolicyRule[] {
  const istio = watchedResources().filter(({ group }) => group.endsWith('istio.io'));
  return [...new Set(istio.map(({ group }) => group))].map((group) => ({
    apiGroups: [group],
    resources: istio.filter((resource) => resource.group === group).map(({ plural }) => `${plural}/status`),
    verbs: ['patch', 'update'],
  }));
}

/** The leader writes the issuer of the webhooks' certificates into their configurations. */
function webhookRules(): PolicyRule[] {
  const apiGroups = ['admissionregistration.k8s.io'];
  return [
    { apiGroups, resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'], verbs: READ },
    {
      apiGroups,
      resources: ['mutatingwebhookconfigurations'],
      resourceNames: ['weft-injector'],
      verbs: ['patch', 'update'],
    },
    {
      apiGroups,
      resources: ['validatingwebhookconfigurations'],
      resourceNames: ['weft-validator'],
      verbs: ['patch', 'update'],
    },
  ];
}
