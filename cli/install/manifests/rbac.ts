import { CLUSTER_RULES, NAMESPACE_RULES, signerRules } from '../../../control-plane/kubernetes/permissions.js';
import type { InstallValues } from '../values.js';
import { CONTROL_PLANE, labels, type Manifest } from './names.js';

const SIGNING = `${CONTROL_PLANE}-signer`;
const API = 'rbac.authorization.k8s.io';

/** What the control plane may do, and no more. */
export function accessRules({ namespace }: InstallValues): Manifest[] {
  const wide = { name: CONTROL_PLANE, labels: labels(CONTROL_PLANE) };
  const own = { ...wide, namespace };
  const subjects = [{ kind: 'ServiceAccount', name: CONTROL_PLANE, namespace }];
  const apiVersion = `${API}/v1`;
  const refer = (kind: string): object => ({ apiGroup: API, kind, name: CONTROL_PLANE });
  return [
    { apiVersion, kind: 'ClusterRole', metadata: wide, rules: CLUSTER_RULES },
    { apiVersion, kind: 'ClusterRoleBinding', metadata: wide, roleRef: refer('ClusterRole'), subjects },
    { apiVersion, kind: 'Role', metadata: own, rules: NAMESPACE_RULES },
    { apiVersion, kind: 'RoleBinding', metadata: own, roleRef: refer('Role'), subjects },
  ];
}

/** What it may do where an external signer signs the certificates of workloads. */
export function signerAccess({ namespace, caSigner }: InstallValues): Manifest[] {
  const metadata = { name: SIGNING, labels: labels(CONTROL_PLANE) };
  const apiVersion = `${API}/v1`;
  return [
    { apiVersion, kind: 'ClusterRole', metadata, rules: signerRules(caSigner.name) },
    {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: API, kind: 'ClusterRole', name: SIGNING },
      subjects: [{ kind: 'ServiceAccount', name: CONTROL_PLANE, namespace }],
    },
  ];
}
