import type { Counter } from '../../common/runtime/counters.js';
import type { Issues } from '../snapshot/issues.js';
import type { HeaderFormatCompiler } from './header-mutation.js';

/** Compiles one `typed_per_filter_config` message into what its filter reads; undefined after an error. */
export type PerRouteCompiler = (message: object, issues: Issues) => unknown;

/** What compiling routes needs from elsewhere. */
export interface RouteDeps {
  readonly compileFormat: HeaderFormatCompiler;
  /** For routes that have statistics of their own; the same counter for the same name. */
  readonly counters?: (name: string) => Counter;
  /** By type URL of the per-route message. */
  readonly perRouteFilters: ReadonlyMap<string, PerRouteCompiler>;
}
