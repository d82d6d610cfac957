import type { FilterConfig__Output } from '../../proto/gen/envoy/config/route/v3/FilterConfig.js';
import type { Any__Output } from '../../proto/gen/google/protobuf/Any.js';
import { FILTER_DISABLED } from '../filters/filter.js';
import type { Issues } from '../snapshot/issues.js';
import { typeUrlOf, unpacked } from '../snapshot/wire-values.js';
import type { RouteDeps } from './route-deps.js';

/** Compiled `typed_per_filter_config` of one level, by filter name. */
export type FilterConfigs = ReadonlyMap<string, unknown>;

const FILTER_CONFIG = 'type.googleapis.com/envoy.config.route.v3.FilterConfig';

/** Compiles a `typed_per_filter_config`; undefined when it is empty. */
export function compileFilterConfigs(
  configs: { readonly [name: string]: Any__Output } | undefined,
  deps: RouteDeps,
  issues: Issues,
): FilterConfigs | undefined {
  const compiled = new Map<string, unknown>();
  for (const [name, any] of Object.entries(configs ?? {})) {
    const value = compileOne(any, deps, issues.at(name));
    if (value !== undefined) compiled.set(name, value);
  }
  return compiled.size === 0 ? undefined : compiled;
}

function compileOne(any: Any__Output, deps: RouteDeps, issues: Issues): unknown {
  if (typeUrlOf(any) !== FILTER_CONFIG) return compileMessage(any, false, deps, issues);
  const wrapper = unpacked<FilterConfig__Output>(any);
  if (wrapper.disabled === true) return FILTER_DISABLED;
  if (wrapper.config === undefined) {
    issues.error('has neither config nor disabled');
    return undefined;
  }
  return compileMessage(wrapper.config, wrapper.is_optional === true, deps, issues);
}

function compileMessage(any: Any__Output, optional: boolean, deps: RouteDeps, issues: Issues): unknown {
  const typeUrl = typeUrlOf(any);
  const compile = deps.perRouteFilters.get(typeUrl);
  if (compile !== undefined) return compile(any, issues);
  if (optional) issues.warn(`'${typeUrl}' is not known and optional: it has no effect`);
  else issues.error(`'${typeUrl}' is not supported`);
  return undefined;
}

/** The most specific configuration of a filter; levels come most specific first. */
export function lookUp(levels: readonly FilterConfigs[], name: string): unknown {
  for (const level of levels) {
    const value = level.get(name);
    if (value !== undefined) return value;
  }
  return undefined;
}
