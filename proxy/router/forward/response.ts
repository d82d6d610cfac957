import type { RequestHead, ResponseHead } from '../../http/message.js';
import type { DownstreamStream } from '../../http/stream.js';
import type { Cluster } from '../../upstream/cluster.js';
import type { StatusCounts } from '../../upstream/traffic-stats.js';
import type { ForwardPlan } from './forward-plan.js';

/** Where the answers to requests of this origin are counted. */
export function statusCounts({ traffic }: Cluster, request: RequestHead): StatusCounts {
  return request.headers.get('x-envoy-internal') === 'true' ? traffic.internal : traffic.external;
}

/**
 * The head of the attempt that counts becomes that of the answer. `now` and `completeAt`, the time at which the request
 * was complete, are monotonic ms; the latter is -1 while it is not.
 */
export function acceptResponse(
  { route, choice, cookies, cluster }: ForwardPlan,
  { info, request, suppressEnvoyHeaders }: DownstreamStream,
  head: ResponseHead,
  now: number,
  completeAt: number,
): void {
  info.upstreamFirstByte = now;
  info.responseCode = head.status;
  statusCounts(cluster, request).count(head.status);
  route.stats?.answered(head.status);
  info.responseCodeDetails = 'via_upstream';
  if (completeAt >= 0 && suppressEnvoyHeaders !== true) {
    head.headers.set('x-envoy-upstream-service-time', String(Math.max(0, Math.floor(now - completeAt))));
  }
  for (const cookie of cookies) head.headers.append('set-cookie', cookie);
  choice.prepareResponse(head, info, request);
  route.prepareResponse(head, info, request);
  if (route.includeAttemptCountInResponse === true) {
    head.headers.set('x-envoy-attempt-count', String(info.attempts));
  }
}
