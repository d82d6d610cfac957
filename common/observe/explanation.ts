import type { ObjectName } from './object-text.js';

/**
 * What `GET /api/explain?from=NAMESPACE/WORKLOAD&method=…&url=…&header=NAME:VALUE…` answers: what the sidecars' own matchers
 * say about a request that nobody sends.
 */
export interface Explanation {
  /** `unknown`: something decides that cannot be known before. */
  readonly verdict: 'allowed' | 'refused' | 'fails' | 'unknown';
  /** What the caller would get, in one sentence. */
  readonly summary: string;
  readonly steps: readonly ExplainedStep[];
  readonly notes: readonly string[];
}

export interface ExplainedStep {
  /** Who decides: `reviews-v1.default`. */
  readonly proxy: string;
  readonly side: 'client' | 'gateway' | 'server';
  /** `listener`, `filter chain`, `tls`, `route`, `cluster`, `retry`, `tls`, `authorization` … */
  readonly what: string;
  readonly outcome: 'ok' | 'refused' | 'note';
  /** What was chosen, and why in plain words. */
  readonly title: string;
  readonly detail: string;
  /** Where it was configured. */
  readonly objects: readonly ObjectName[];
}
