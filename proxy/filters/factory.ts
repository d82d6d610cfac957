import type { Issues } from '../snapshot/issues.js';
import type { HttpFilter } from './filter.js';

/** Where a filter is going to stand. */
export interface FilterPlace {
  /** Name of the filter in its chain: the key of its per-route configuration. */
  readonly name: string;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  readonly statPrefix: string;
}

/** Compiles one type of HTTP filter. */
export interface HttpFilterFactory {
  /** `none` for a filter that is accepted and has nothing to do; undefined after an error. */
  compile(message: object, place: FilterPlace, issues: Issues): HttpFilter | 'none' | undefined;
}

/** Factories by the type URL of the configuration. */
export type HttpFilterFactories = ReadonlyMap<string, HttpFilterFactory>;
