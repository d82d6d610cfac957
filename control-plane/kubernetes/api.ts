import { WeftError } from '../../common/runtime/errors.js';

/** What an object's envelope holds of interest to who reads and writes it. */
export interface ObjectMetadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
}

export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMetadata;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `/api/v1/namespaces/default/configmaps`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON; for PATCH as a JSON merge patch (RFC 7396). */
  readonly body?: object;
  /** The whole call; 10 s unless told otherwise. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Calls of the Kubernetes API. Rejects with an {@link ApiError}. */
export interface KubernetesApi {
  request<T>(request: ApiRequest): Promise<T>;
  /** One watch: calls back for each event, and resolves when the server ends it or `signal` aborts. */
  watch(
    request: Pick<ApiRequest, 'path' | 'query'>,
    signal: AbortSignal,
    onEvent: (event: WatchEvent) => void,
  ): Promise<void>;
}

export interface WatchEvent {
  readonly type: string;
  readonly object: KubernetesObject;
}

/** A refused or failed call; `status` is HTTP's, 0 when there was no answer. */
export class ApiError extends WeftError {
  constructor(
    message: string,
    readonly status: number,
    cause?: unknown,
  ) {
    const retryable = status === 0 || status === 408 || status === 429 || status >= 500;
    super(message, { source: 'kubernetes', retryable, ...(cause === undefined ? {} : { cause }) });
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

/** Somebody else was faster: the object exists already, or is newer than what was sent. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409;
}
