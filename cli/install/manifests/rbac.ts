import { CLUSTER_RULES, NAMESPACE_RULES } from '../../../control-plane/kubernetes/permissions.js';
import type { InstallValues } from '../values.js';
import { CONTROL_PLANE, labels, type Manifest } from './names.js';

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
