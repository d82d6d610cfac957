import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Router__Output } from '../../proto/gen/envoy/extensions/filters/http/router/v3/Router.js';
import type { HttpFilter__Output } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpFilter.js';
import type { FilterPlace, HttpFilterFactories } from '../filters/factory.js';
import { FILTER_DISABLED, type FilterContext, type HttpFilter } from '../filters/filter.js';
import type { Issues } from '../snapshot/issues.js';
import { typeUrlOf, unpacked } from '../snapshot/wire-values.js';

/** A compiled filter chain: what stands before the router, and the router's own options. */
export interface CompiledFilters {
  readonly filters: readonly HttpFilter[];
  readonly suppressEnvoyHeaders: boolean;
}

/** Compiles `http_filters`: the router must be the last one, and only the last one. */
export function compileHttpFilters(
  messages: readonly HttpFilter__Output[],
  place: Omit<FilterPlace, 'name'>,
  factories: HttpFilterFactories,
  issues: Issues,
): CompiledFilters {
  const filters: HttpFilter[] = [];
  let router: Router__Output | undefined;
  messages.forEach((message, index) => {
    const at = issues.at(index);
    if (router !== undefined) at.error('stands after the router');
    if (typeUrlOf(message.typed_config) === EXTENSION.router) router = compileRouter(message, at);
    else {
      const filter = compileOne(message, place, factories, at);
      if (filter !== undefined) filters.push(filter);
    }
  });
  if (router === undefined) issues.error('the last filter must be the router');
  return { filters, suppressEnvoyHeaders: router?.suppress_envoy_headers === true };
}

function compileRouter(message: HttpFilter__Output, issues: Issues): Router__Output {
  const router = message.typed_config === undefined ? {} : unpacked<Router__Output>(message.typed_config);
  if (message.disabled === true) issues.error('the router cannot be disabled');
  issues.refuse(router, [
    'upstream_log',
    'strict_check_headers',
    'respect_expected_rq_timeout',
    'upstream_http_filters',
  ]);
  return router;
}

function compileOne(
  message: HttpFilter__Output,
  place: Omit<FilterPlace, 'name'>,
  factories: HttpFilterFactories,
  issues: Issues,
): HttpFilter | undefined {
  const name = message.name ?? '';
  const typeUrl = typeUrlOf(message.typed_config);
  const factory = factories.get(typeUrl);
  if (factory === undefined || message.typed_config === undefined) {
    const what = `filter '${name}' of type '${typeUrl}'`;
    if (message.is_optional === true) issues.warn(`${what} is not known and optional: it has no effect`);
    else issues.error(`${what} is not supported`);
    return undefined;
  }
  const filter = factory.compile(message.typed_config, { ...place, name }, issues);
  return filter === undefined || filter === 'none' ? undefined : switchable(filter, message.disabled === true);
}

/** Lets a route switch the filter off, or on when it is disabled in the chain. */
function switchable(inner: HttpFilter, disabled: boolean): HttpFilter {
  const { name } = inner;
  const active = (context: FilterContext): boolean => {
    const config = context.route()?.filterConfig(name);
    return config === undefined ? !disabled : config !== FILTER_DISABLED;
  };
  const { onRequest, startBody, onResponse, onComplete } = inner;
  // All with the same properties: what calls them all would have to look each up otherwise.
  return {
    name,
    guards: inner.guards,
    onRequest:
      onRequest === undefined ? undefined : (context) => (active(context) ? onRequest.call(inner, context) : undefined),
    startBody:
      startBody === undefined ? undefined : (context) => (active(context) ? startBody.call(inner, context) : undefined),
    onResponse:
      onResponse === undefined
        ? undefined
        : (context, response) => {
            if (active(context)) onResponse.call(inner, context, response);
          },
    onComplete:
      onComplete === undefined
        ? undefined
        : (context) => {
            if (active(context)) onComplete.call(inner, context);
          },
  };
}
