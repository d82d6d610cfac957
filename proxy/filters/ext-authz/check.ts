import type { RequestHead } from '../../http/message.js';
import type { ConnectionInfo, StreamInfo } from '../../http/stream-info.js';
import type { ServiceCall } from '../../router/forward/service-call.js';
import type { Verdict } from './verdict.js';

/** What an authorization service is asked about. */
export interface CheckSubject {
  readonly request: RequestHead;
  readonly info: StreamInfo;
  readonly connection: ConnectionInfo;
  /** The body, as far as it is sent along; undefined where none is. */
  readonly body: { readonly data: Buffer; readonly partial: boolean } | undefined;
  /** Told of the call under way, which may be given up. */
  readonly onCall?: (call: Pick<ServiceCall, 'cancel'>) => void;
}

/** Asks an authorization service. Never rejects: who cannot be asked is an error of its own. */
export type Authorizer = (subject: CheckSubject) => Promise<Verdict>;

/** Tells a service whether it sees the whole body. */
export const PARTIAL_BODY = 'x-envoy-auth-partial-body';

/** A request's fields with the pseudo headers of HTTP/2, each name once. */
export function* allHeaders({ request, body }: CheckSubject): Generator<[string, string]> {
  yield [':authority', request.authority];
  yield [':path', request.path];
  yield [':method', request.method];
  yield [':scheme', request.scheme];
  const { headers } = request;
  const seen = new Set<string>(['host']);
  for (let i = 0; i < headers.size; i++) {
    const key = headers.keyAt(i);
    if (seen.has(key)) continue;
    seen.add(key);
    yield [key, headers.joined(key) ?? ''];
  }
  if (body !== undefined) yield [PARTIAL_BODY, String(body.partial)];
}
