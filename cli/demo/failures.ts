import type { EdgeResponse } from '../../common/runtime/edge-report.js';

/** Flags of the answers that a configuration asks for: an injected fault, a circuit breaker's limit, a route's timeout. */
const ASKED_FLAGS = new Set(['FI', 'UO', 'UT']);

export function isFailure(response: EdgeResponse): boolean {
  return response.code === 0 || response.code >= 400;
}

/** Whether the sidecar that counted this failure answered it itself, because its configuration says so. */
export function isAsked(response: EdgeResponse): boolean {
  return response.origin !== 'upstream' || response.flags.split(',').some((flag) => ASKED_FLAGS.has(flag));
}

/** Whether the other end made this answer, be it the last of several tries (URX by itself). */
function isPassedOn(response: EdgeResponse): boolean {
  return response.code !== 0 && (response.flags === '-' || response.flags === 'URX');
}

/** One hop's failures, as the sidecars at its two ends counted them. */
export interface HopResponses {
  /** Empty when the client has no sidecar. */
  readonly source: readonly EdgeResponse[];
  /** Empty when the server has none. */
  readonly destination: readonly EdgeResponse[];
}

/**
 * Splits a hop's failed requests into those that the configuration asked for and the others. What the client's sidecar
 * saw counts, because it knows what became of retries; an answer that came from the other end (no flag of its own) was
 * asked for as far as the server's sidecar says that it made such answers on purpose.
 */
export function countFailures(hop: HopResponses): { asked: number; unasked: number } {
  const counted = hop.source.length > 0 ? hop.source : hop.destination;
  let asked = 0;
  const passedOn = new Map<number, number>();
  let unasked = 0;
  for (const response of counted.filter(isFailure)) {
    if (isAsked(response)) asked += response.count;
    else if (counted === hop.source && isPassedOn(response)) {
      passedOn.set(response.code, (passedOn.get(response.code) ?? 0) + response.count);
    } else unasked += response.count;
  }
  for (const [code, count] of passedOn) {
    const made = hop.destination
      .filter((response) => response.code === code && isFailure(response) && isAsked(response))
      .reduce((sum, response) => sum + response.count, 0);
    asked += Math.min(count, made);
    unasked += Math.max(0, count - made);
  }
  return { asked, unasked };
}
