import type { TraceContext } from './trace-context.js';

/** One finished span. Times are ms since the epoch, with fractions. */
export interface Span {
  readonly context: TraceContext;
  /** Empty for the first span of a trace. */
  readonly parentId: string;
  readonly name: string;
  readonly kind: 'server' | 'client';
  readonly start: number;
  readonly end: number;
  readonly error: boolean;
  readonly tags: readonly SpanTag[];
}

export type SpanTag = readonly [name: string, value: string];

/** Takes finished spans off the request's hands: it never waits, and drops what is too much. */
export interface SpanSink {
  add(span: Span): void;
}
