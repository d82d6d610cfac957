import {
  CLUSTER_RULES,
  NAMESPACE_RULES,
  OPERATOR_RULES,
  signerRules,
  VIEWER_RULES,
} from '../../../control-plane/kubernetes/permissions.js';
import { SEE_MESH } from '../../../control-plane/observe/admission.js';
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

/** For people, bound to nobody yet: who may look at the mesh, and who may step in. */
export function peopleRoles({ namespace }: InstallValues): Manifest[] {
  const apiVersion = `${API}/v1`;
  const named = (name: string): object => ({ name, labels: labels('weft') });
  const inside = (name: string): object => ({ ...named(name), namespace });
  const page = [{ nonResourceURLs: [SEE_MESH.path], verbs: [SEE_MESH.verb] }];
  return [
    { apiVersion, kind: 'ClusterRole', metadata: named('weft-viewer'), rules: page },
    { apiVersion, kind: 'Role', metadata: inside('weft-viewer'), rules: VIEWER_RULES },
    { apiVersion, kind: 'Role', metadata: inside('weft-operator'), rules: OPERATOR_RULES },
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
