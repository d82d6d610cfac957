import type { Golden } from '../../../../common/observe/graph.js';

export type Health = 'good' | 'degraded' | 'failing' | 'idle';

/** Shares of failed requests from which on something is degraded, and failing. */
export const DEGRADED_FROM = 0.001;
export const FAILING_FROM = 0.05;

export function healthOf(golden: Golden): Health {
  if (golden.requests === 0) return golden.connectionsOpen > 0 || golden.connectionsOpened > 0 ? 'good' : 'idle';
  if (golden.errorShare >= FAILING_FROM) return 'failing';
  return golden.errorShare >= DEGRADED_FROM ? 'degraded' : 'good';
}

/** Sums; percentiles cannot be added, so the middle one is weighed by requests and of the others the worst is taken. */
export function addUp(parts: readonly Golden[]): Golden {
  const sum = (of: (golden: Golden) => number): number => parts.reduce((total, golden) => total + of(golden), 0);
  const requests = sum((golden) => golden.requests);
  const errors = sum((golden) => golden.errors);
  const weighed = parts.filter(({ p50Ms, requests: count }) => p50Ms !== undefined && count > 0);
  const weight = weighed.reduce((total, golden) => total + golden.requests, 0);
  const p95 = parts.flatMap(({ p95Ms }) => (p95Ms === undefined ? [] : [p95Ms]));
  const p99 = parts.flatMap(({ p99Ms }) => (p99Ms === undefined ? [] : [p99Ms]));
  return {
    requests,
    errors,
    requestsPerSecond: sum((golden) => golden.requestsPerSecond),
    errorShare: requests === 0 ? 0 : errors / requests,
    ...(weight === 0
      ? {}
      : { p50Ms: weighed.reduce((total, { p50Ms = 0, requests: count }) => total + p50Ms * count, 0) / weight }),
    ...(p95.length === 0 ? {} : { p95Ms: Math.max(...p95) }),
    ...(p99.length === 0 ? {} : { p99Ms: Math.max(...p99) }),
    receivedBytesPerSecond: sum((golden) => golden.receivedBytesPerSecond),
    sentBytesPerSecond: sum((golden) => golden.sentBytesPerSecond),
    connectionsOpened: sum((golden) => golden.connectionsOpened),
    connectionsClosed: sum((golden) => golden.connectionsClosed),
    connectionsOpen: sum((golden) => golden.connectionsOpen),
  };
}

export const NOTHING: Golden = addUp([]);
