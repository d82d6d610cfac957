import { EXTENSION } from '../../common/xds/type-urls.js';
import type { ListStringMatcher } from '../../proto/gen/envoy/type/matcher/v3/ListStringMatcher.js';
import type { MetadataMatcher } from '../../proto/gen/envoy/type/matcher/v3/MetadataMatcher.js';
import type { ExtAuthzGrpcProvider, ExtAuthzHttpProvider, ExtensionProvider } from '../api/kinds/extension-provider.js';
import { durationMs } from '../model/mesh-settings.js';
import type { ProxyContext } from './context.js';
import { any, duration } from './messages.js';
import { type ProviderCluster, providerCluster } from './provider-cluster.js';

/** The filters that ask one provider; `tcp` is undefined where it cannot be asked about connections. */
export interface ExtAuthz {
  readonly http: ReturnType<typeof any>;
  readonly tcp: ReturnType<typeof any> | undefined;
}

/** RBAC's shadow rules leave here which policy matched: whoever finds a provider's name there asks it. */
export const SHADOW_PREFIX = 'istio_ext_authz_';
const POLICY_ID = `${SHADOW_PREFIX}shadow_effective_policy_id`;

/** What the names of the policies of one provider begin with. */
export function policyPrefix(provider: string): string {
  return `istio-ext-authz-${provider}-`;
}

/** undefined where the provider is no authorization service, or its service cannot be called: requests are denied then. */
export function extAuthz(context: ProxyContext, name: string): ExtAuthz | undefined {
  const provider = context.snapshot.settings.providers.get(name);
  const settings = provider?.envoyExtAuthzHttp ?? provider?.envoyExtAuthzGrpc;
  if (provider === undefined || settings === undefined) return undefined;
  const where = providerCluster(context, settings);
  return where === undefined ? undefined : filtersOf(provider, where);
}

function filtersOf(
  { name, envoyExtAuthzHttp, envoyExtAuthzGrpc }: ExtensionProvider,
  where: ProviderCluster,
): ExtAuthz {
  if (envoyExtAuthzHttp !== undefined) {
    const allowed =
      headerNames(envoyExtAuthzHttp.includeRequestHeadersInCheck) ??
      headerNames(envoyExtAuthzHttp.includeHeadersInCheck);
    const http = {
      ...decisions(name, envoyExtAuthzHttp, HTTP_RBAC),
      http_service: httpService(envoyExtAuthzHttp, where),
      ...(allowed !== undefined && { allowed_headers: allowed }),
    };
    return { http: any(EXTENSION.httpExtAuthz, http), tcp: undefined };
  }
  const settings = envoyExtAuthzGrpc ?? {};
  const grpc_service = {
    envoy_grpc: { cluster_name: where.cluster, authority: where.hostname },
    timeout: timeoutOf(settings),
  };
  return {
    http: any(EXTENSION.httpExtAuthz, { ...decisions(name, settings, HTTP_RBAC), grpc_service }),
    tcp: any(EXTENSION.networkExtAuthz, {
      stat_prefix: 'tcp.',
      grpc_service,
      failure_mode_allow: settings.failOpen === true,
      transport_api_version: 'V3',
      filter_enabled_metadata: matched(name, NETWORK_RBAC),
    }),
  };
}

const HTTP_RBAC = 'envoy.filters.http.rbac';
const NETWORK_RBAC = 'envoy.filters.network.rbac';

/** What services of both kinds are asked for, and what becomes of requests without an answer. */
function decisions(name: string, settings: ExtAuthzGrpcProvider, rbac: string): object {
  const { statusOnError, failOpen, clearRouteCache, includeRequestBodyInCheck: body } = settings;
  return {
    transport_api_version: 'V3',
    failure_mode_allow: failOpen === true,
    clear_route_cache: clearRouteCache === true,
    ...(statusOnError !== undefined && { status_on_error: { code: Number(statusOnError) } }),
    ...(body !== undefined && {
      with_request_body: {
        max_request_bytes: body.maxRequestBytes ?? 0,
        allow_partial_message: body.allowPartialMessage === true,
        pack_as_bytes: body.packAsBytes === true,
      },
    }),
    filter_enabled_metadata: matched(name, rbac),
  };
}

function matched(provider: string, filter: string): MetadataMatcher {
  return { filter, path: [{ key: POLICY_ID }], value: { string_match: { prefix: policyPrefix(provider) } } };
}

function httpService(provider: ExtAuthzHttpProvider, { cluster, hostname }: ProviderCluster): object {
  const added = Object.entries(provider.includeAdditionalHeadersInCheck ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const upstream = headerNames(provider.headersToUpstreamOnAllow);
  const onDeny = headerNames(provider.headersToDownstreamOnDeny);
  const onAllow = headerNames(provider.headersToDownstreamOnAllow);
  return {
    server_uri: { uri: `http://${hostname}`, cluster, timeout: timeoutOf(provider) },
    path_prefix: provider.pathPrefix ?? '',
    ...(added.length > 0 && {
      authorization_request: { headers_to_add: added.map(([key, value]) => ({ key, value })) },
    }),
    ...((upstream ?? onDeny ?? onAllow) !== undefined && {
      authorization_response: {
        ...(upstream !== undefined && { allowed_upstream_headers: upstream }),
        ...(onDeny !== undefined && { allowed_client_headers: onDeny }),
        ...(onAllow !== undefined && { allowed_client_headers_on_success: onAllow }),
      },
    }),
  };
}

const TIMEOUT_MS = 600_000;

function timeoutOf(provider: ExtAuthzGrpcProvider): ReturnType<typeof duration> {
  return duration(durationMs(provider.timeout, TIMEOUT_MS));
}

function headerNames(names: readonly string[] | undefined): ListStringMatcher | undefined {
  if (names === undefined || names.length === 0) return undefined;
  return {
    patterns: names.map((name) => ({
      ignore_case: true,
      ...(name.startsWith('*')
        ? { suffix: name.slice(1) }
        : name.endsWith('*')
          ? { prefix: name.slice(0, -1) }
          : { exact: name }),
    })),
  };
}
