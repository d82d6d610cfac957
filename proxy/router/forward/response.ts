import type { ResponseHead } from '../../http/message.js';
import type { DownstreamStream } from '../../http/stream.js';
import type { ForwardPlan } from './forward-plan.js';

/**
 * The head of the attempt that counts becomes that of the answer. `now` and `completeAt`, the time at which the request
 * was complete, are monotonic ms; the latter is -1 while it is not.
 */
export function acceptResponse(
  { route, choice, cookies }: ForwardPlan,
  { info, request, suppressEnvoyHeaders }: DownstreamStream,
  head: ResponseHead,
  now: number,
  completeAt: number,
): void {
  info.upstreamFirstByte = now;
  info.responseCode = head.status;
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
