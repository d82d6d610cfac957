import { fromStruct } from '../../common/xds/struct.js';
import type { Route__Output } from '../../proto/gen/envoy/config/route/v3/Route.js';

const CONFIG = /\/namespaces\/([^/]+)\/[^/]+\/([^/]+)$/;

/** The object that a route comes from, as Istio's metadata names it; empty where nothing does. */
export function configOf(route: Route__Output | undefined): string {
  const istio = route?.metadata?.filter_metadata?.['istio'];
  const { config } =
    istio === undefined ? {} : (fromStruct(istio as Parameters<typeof fromStruct>[0]) as { config?: unknown });
  return typeof config === 'string' ? config : '';
}

/** What people call a route without a name: `reviews.default /ratings*, end-user`, of its object and match; empty without an object. */
export function routeLabel(route: Route__Output): string {
  const [, namespace, name] = CONFIG.exec(configOf(route)) ?? [];
  if (name === undefined) return '';
  const { match } = route;
  const prefix = match?.path_separated_prefix || match?.prefix;
  const path = match?.path || (prefix && `${prefix}*`) || (match?.safe_regex?.regex && `~${match.safe_regex.regex}`);
  const needed = [...(match?.headers ?? []), ...(match?.query_parameters ?? [])].map((one) => one.name ?? '');
  return `${name}.${namespace} ${[path || '/*', ...needed].join(', ')}`;
}
