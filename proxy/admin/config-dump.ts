import { RE2JS } from 're2js';
import { toJson } from '../../common/xds/json.js';
import { timestampToJson } from '../../common/xds/json-scalars.js';
import { type ResourceTypeUrl, TYPE } from '../../common/xds/type-urls.js';
import { applyMask } from './field-mask.js';
import { redact } from './redact.js';
import type { AdminSources, ResourceView } from './sources.js';

const ADMIN = 'type.googleapis.com/envoy.admin.v3.';
const BOOTSTRAP = 'type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap';

type Dump = { '@type': string } & Record<string, unknown>;

/** An answer other than the dump: what Envoy says about a wrong query. */
export class DumpError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** envoy.admin.v3.ConfigDump as JSON, private keys redacted; the query's resource, mask, name_regex and include_eds apply. */
export function configDump(sources: AdminSources, query: URLSearchParams): { configs: unknown[] } {
  const nameRegex = query.get('name_regex');
  const named = nameRegex === null ? () => true : nameTest(nameRegex);
  const views = [...sources.resources()].filter((view) => named(view.name));
  const dumps: Dump[] = [
    bootstrapDump(sources),
    ...DUMPS.filter(({ type }) => type !== TYPE.endpoint || query.has('include_eds')).map(({ type, build }) =>
      build(views.filter((view) => view.typeUrl === type)),
    ),
  ];
  const configs = select(dumps, query.get('resource'));
  const mask = query.get('mask');
  if (mask === null) return { configs };
  return {
    configs: configs.map((config) => applyMask(config, mask.split(','))).filter((config) => config !== undefined),
  };
}

function nameTest(pattern: string): (name: string) => boolean {
  try {
    const regex = RE2JS.compile(pattern);
    return (name) => regex.matches(name);
  } catch {
    throw new DumpError(400, `Error while parsing name_regex from ${pattern}`);
  }
}

/** Elements of one repeated field instead of the dumps, each with the type that it has in the API. */
function select(dumps: Dump[], resource: string | null): unknown[] {
  if (resource === null) return dumps;
  for (const dump of dumps) {
    if (!Object.hasOwn(dump, resource)) continue;
    const field = dump[resource];
    if (!Array.isArray(field)) {
      throw new DumpError(400, `${resource} is not a repeated field. Use ?mask=${resource} to get only this field`);
    }
    const element = ELEMENT_TYPES.get(resource) ?? 'Resource';
    return field.map((item: object) => ({ '@type': `${dump['@type']}.${element}`, ...item }));
  }
  // A list that is empty is left out of the dump, as Envoy leaves it out, and is known all the same.
  if (ELEMENT_TYPES.has(resource)) return [];
  throw new DumpError(404, `${resource} not found in config dump`);
}

const ELEMENT_TYPES: ReadonlyMap<string, string> = new Map([
  ['static_clusters', 'StaticCluster'],
  ['dynamic_active_clusters', 'DynamicCluster'],
  ['static_listeners', 'StaticListener'],
  ['dynamic_listeners', 'DynamicListener'],
  ['static_route_configs', 'StaticRouteConfig'],
  ['dynamic_route_configs', 'DynamicRouteConfig'],
  ['static_endpoint_configs', 'StaticEndpointConfig'],
  ['dynamic_endpoint_configs', 'DynamicEndpointConfig'],
  ['static_secrets', 'StaticSecret'],
  ['dynamic_active_secrets', 'DynamicSecret'],
]);

function bootstrapDump(sources: AdminSources): Dump {
  const bootstrap = sources.bootstrap();
  return {
    '@type': `${ADMIN}BootstrapConfigDump`,
    bootstrap: bootstrap === undefined ? {} : redact(toJson(BOOTSTRAP, bootstrap)),
    last_updated: time(sources.startTime),
  };
}

/** The dumps in Envoy's order. */
const DUMPS: readonly { readonly type: ResourceTypeUrl; build(views: readonly ResourceView[]): Dump }[] = [
  {
    type: TYPE.cluster,
    build: (views) => versioned('ClustersConfigDump', views, 'cluster', 'static_clusters', 'dynamic_active_clusters'),
  },
  {
    type: TYPE.endpoint,
    build: (views) =>
      plain('EndpointsConfigDump', views, 'endpoint_config', 'static_endpoint_configs', 'dynamic_endpoint_configs'),
  },
  { type: TYPE.listener, build: listenersDump },
  {
    type: TYPE.route,
    build: (views) => plain('RoutesConfigDump', views, 'route_config', 'static_route_configs', 'dynamic_route_configs'),
  },
  {
    type: TYPE.secret,
    build: (views) => plain('SecretsConfigDump', views, 'secret', 'static_secrets', 'dynamic_active_secrets'),
  },
]; // prettier-ignore

function plain(type: string, views: readonly ResourceView[], member: string, fixed: string, dynamic: string): Dump {
  const entry = (view: ResourceView) => ({
    ...(member === 'secret' && { name: view.name }),
    ...(!view.static && { version_info: view.version }),
    ...(view.message !== undefined && { [member]: body(view) }),
    last_updated: time(view.lastUpdated),
    ...errorState(view),
  });
  return {
    '@type': `${ADMIN}${type}`,
    ...list(fixed, views.filter((view) => view.static).map(entry)),
    ...list(dynamic, views.filter((view) => !view.static).map(entry)),
  };
}

function versioned(type: string, views: readonly ResourceView[], member: string, fixed: string, dynamic: string): Dump {
  const { '@type': url, ...rest } = plain(type, views, member, fixed, dynamic);
  return { '@type': url, ...versionInfo(views), ...rest };
}

function listenersDump(views: readonly ResourceView[]): Dump {
  return {
    '@type': `${ADMIN}ListenersConfigDump`,
    ...versionInfo(views),
    ...list(
      'static_listeners',
      views
        .filter((view) => view.static)
        .map((view) => ({ listener: body(view), last_updated: time(view.lastUpdated) })),
    ),
    ...list(
      'dynamic_listeners',
      views
        .filter((view) => !view.static)
        .map((view) => ({
          name: view.name,
          ...(view.message !== undefined && {
            active_state: { version_info: view.version, listener: body(view), last_updated: time(view.lastUpdated) },
          }),
          ...errorState(view),
        })),
    ),
  };
}

function versionInfo(views: readonly ResourceView[]): { version_info?: string } {
  const newest = views.filter((view) => !view.static).sort((a, b) => b.lastUpdated - a.lastUpdated)[0];
  return newest === undefined ? {} : { version_info: newest.version };
}

function list(name: string, items: readonly object[]): Record<string, unknown> {
  return items.length === 0 ? {} : { [name]: items };
}

function body(view: ResourceView): object {
  const json = view.message === undefined ? {} : toJson(view.typeUrl, view.message);
  return { '@type': view.typeUrl, ...(redact(json) as object) };
}

function errorState({ error }: ResourceView): object {
  if (error === undefined) return {};
  return {
    error_state: { last_update_attempt: time(error.time), details: error.details, version_info: error.version },
  };
}

function time(epochMs: number): string {
  const seconds = Math.floor(epochMs / 1000);
  return timestampToJson({ seconds, nanos: Math.round((epochMs - seconds * 1000) * 1e6) });
}
