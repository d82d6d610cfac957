import { isMapping } from '../api/schema/schema.js';

/** What the API server asks (admission.k8s.io/v1). */
export interface AdmissionRequest {
  readonly uid: string;
  readonly namespace: string;
  readonly operation: string;
  readonly object: unknown;
}

export interface AdmissionResponse {
  readonly allowed: boolean;
  /** Why not; goes to the user. */
  readonly message?: string;
  /** HTTP status of a refusal. */
  readonly code?: number;
  /** JSON patch of what is let in. */
  readonly patch?: readonly object[];
  readonly warnings?: readonly string[];
}

/** The request in an AdmissionReview, or undefined when it is none that we know. */
export function readReview(review: unknown): AdmissionRequest | undefined {
  if (!isMapping(review) || review['apiVersion'] !== 'admission.k8s.io/v1') return undefined;
  const { request } = review;
  if (!isMapping(request) || typeof request['uid'] !== 'string') return undefined;
  const { uid, namespace, operation, object } = request;
  return {
    uid,
    namespace: typeof namespace === 'string' ? namespace : '',
    operation: typeof operation === 'string' ? operation : '',
    object,
  };
}

/** Kubernetes cuts warnings that are longer than this. */
const MAX_WARNING = 256;

export function writeReview(uid: string, response: AdmissionResponse): object {
  const { allowed, message, code = 422, patch = [], warnings = [] } = response;
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed,
      ...(allowed ? {} : { status: { code, message: message ?? 'refused' } }),
      ...(warnings.length === 0 ? {} : { warnings: warnings.map(shortened) }),
      ...(patch.length === 0
        ? {}
        : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }),
    },
  };
}

function shortened(warning: string): string {
  return warning.length > MAX_WARNING ? `${warning.slice(0, MAX_WARNING - 1)}…` : warning;
}
