import { type Admission, plain } from '../debug/server.js';
import { ApiError, type KubernetesApi } from '../kubernetes/api.js';

/** What somebody from elsewhere needs to see the mesh: a ClusterRole with `nonResourceURLs: ["/weft/mesh"]`, `verbs: ["get"]`. */
export const SEE_MESH = { path: '/weft/mesh', verb: 'get' };

interface Review {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly allowed?: boolean;
    readonly user?: { readonly username?: string; readonly groups?: readonly string[]; readonly uid?: string };
  };
}

/**
 * Whether whoever has this token may see the mesh: who it is says a TokenReview of the API server, what they may a
 * SubjectAccessReview. Rejects while the API server cannot be asked.
 */
export async function maySeeMesh(api: Pick<KubernetesApi, 'request'>, token: string): Promise<boolean> {
  const reviewed = await api.request<Review>({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
  });
  const user = reviewed.status?.user;
  if (reviewed.status?.authenticated !== true || user?.username === undefined) return false;
  const allowed = await api.request<Review>({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user: user.username, groups: user.groups ?? [], uid: user.uid ?? '', nonResourceAttributes: SEE_MESH },
    },
  });
  return allowed.status?.allowed === true;
}

/** The door of the API for callers from elsewhere, by bearer token. */
export function admitByToken(api: Pick<KubernetesApi, 'request'>): Admission {
  return async (token) => {
    if (token === undefined || token.length > 16_384) return plain('a bearer token is needed from elsewhere', 401);
    try {
      if (await maySeeMesh(api, token)) return undefined;
    } catch (error) {
      if (error instanceof ApiError) return plain('the API server cannot be asked who that is', 503);
      throw error;
    }
    return plain(`this token may not ${SEE_MESH.verb} ${SEE_MESH.path}, or is not known`, 403);
  };
}
