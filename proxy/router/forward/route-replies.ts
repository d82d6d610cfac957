import { HeaderList } from '../../http/headers.js';
import type { DownstreamStream, LocalReply } from '../../http/stream.js';
import { schemeOf } from '../actions/redirect.js';
import type { ClusterChoice, DirectResponseAction, RedirectAction, RouteEntry } from '../route.js';

/** Answers with the route's redirect. */
export function replyRedirect(stream: DownstreamStream, route: RouteEntry, action: RedirectAction): void {
  replyByRoute(stream, route, undefined, {
    status: action.status,
    body: '',
    details: 'direct_response',
    flags: 0,
    headers: [['location', action.location(stream.request)]],
  });
}

/** Answers with the route's own status and body. */
export function replyDirectly(stream: DownstreamStream, route: RouteEntry, action: DirectResponseAction): void {
  const { status, body } = action;
  const { request } = stream;
  // As Envoy: a status that points somewhere points at what was asked for.
  const headers: LocalReply['headers'] =
    status === 201 || (status >= 300 && status < 400)
      ? [['location', `${schemeOf(request)}://${request.authority}${request.path}`]]
      : undefined;
  const reply: LocalReply = { status, body, details: 'direct_response', flags: 0 };
  replyByRoute(stream, route, undefined, headers === undefined ? reply : { ...reply, headers });
}

/** A local reply with the header operations of route and weighted cluster, which Envoy applies to these too. */
export function replyByRoute(
  stream: DownstreamStream,
  route: RouteEntry,
  choice: ClusterChoice | undefined,
  reply: LocalReply,
): void {
  const headers = new HeaderList();
  const head = { status: reply.status, reason: '', headers };
  choice?.prepareResponse(head, stream.info, stream.request);
  route.prepareResponse(head, stream.info, stream.request);
  for (const [name, value] of reply.headers ?? []) headers.set(name, value);
  const fields: [string, string][] = [];
  for (let i = 0; i < headers.size; i++) fields.push([headers.nameAt(i), headers.valueAt(i)]);
  stream.localReply({ ...reply, headers: fields, asIs: true });
}

/** A local reply to a request that was tried, or would have been had there been a host. */
export function replyAttempted(
  stream: DownstreamStream,
  route: RouteEntry,
  choice: ClusterChoice,
  reply: LocalReply,
): void {
  if (route.includeAttemptCountInResponse !== true) {
    replyByRoute(stream, route, choice, reply);
    return;
  }
  const count: readonly [string, string] = ['x-envoy-attempt-count', String(stream.info.attempts)];
  replyByRoute(stream, route, choice, { ...reply, headers: [...(reply.headers ?? []), count] });
}
