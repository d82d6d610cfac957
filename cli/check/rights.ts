import type { V1SelfSubjectAccessReview } from '@kubernetes/client-node';
import type { KubernetesApi } from '../../control-plane/kubernetes/api.js';
import { error, type Line, ok, some } from './report.js';

interface Right {
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string;
}

/** Every kind of object that an installation consists of. */
function rightsToInstall(rootNamespace: string): Right[] {
  const own = (group: string, ...resources: string[]): Right[] =>
    resources.map((resource) => ({ group, resource, namespace: rootNamespace }));
  const wide = (group: string, ...resources: string[]): Right[] => resources.map((resource) => ({ group, resource }));
  return [
    ...wide('', 'namespaces'),
    ...wide('apiextensions.k8s.io', 'customresourcedefinitions'),
    ...wide('rbac.authorization.k8s.io', 'clusterroles', 'clusterrolebindings'),
    ...wide('admissionregistration.k8s.io', 'mutatingwebhookconfigurations', 'validatingwebhookconfigurations'),
    ...own('', 'configmaps', 'serviceaccounts', 'services'),
    ...own('apps', 'deployments'),
    ...own('policy', 'poddisruptionbudgets'),
    ...own('rbac.authorization.k8s.io', 'roles', 'rolebindings'),
  ];
}

/** Whether the user may install. */
export async function rightLines(api: KubernetesApi, rootNamespace: string): Promise<Line[]> {
  const asked = rightsToInstall(rootNamespace).flatMap((right) =>
    ['create', 'patch'].map((verb) => ({ ...right, verb })),
  );
  const answers = await Promise.all(
    asked.map(async (attributes) => {
      const review = await api.request<V1SelfSubjectAccessReview>({
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes: attributes },
        },
      });
      return { ...attributes, allowed: review.status?.allowed === true };
    }),
  );
  const denied = answers.filter(({ allowed }) => !allowed);
  if (denied.length === 0) return [ok('you may create and change everything that an installation consists of')];
  const names = denied.map(({ verb, resource, namespace }) =>
    namespace === undefined ? `${verb} ${resource}` : `${verb} ${resource} in ${namespace}`,
  );
  return [error(`you may not: ${some(names)}`, 'install as a cluster administrator, or ask one for these rights')];
}
