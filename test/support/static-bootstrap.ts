import { toJson } from '../../common/xds/json.js';
import { type ResourceTypeUrl, TYPE } from '../../common/xds/type-urls.js';
import type { ProxyResources } from '../../control-plane/xds/resources.js';

/** An identity in PEM, with the roots that it trusts. */
export interface StaticIdentity {
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly roots: string;
}

/**
 * What a control plane would send, as a bootstrap that needs none: routes and endpoints stand in the listeners and clusters
 * that ask for them, and with an `identity` so does it, in place of SDS.
 */
export function staticBootstrap(
  resources: ProxyResources,
  identity?: StaticIdentity,
): Record<'node' | 'admin' | 'static_resources', object> {
  const all = (type: ResourceTypeUrl): Named[] =>
    [...(resources.get(type) ?? [])].map(([name, message]) => ({ name, ...(toJson(type, message) as object) }));
  const routes = new Map(all(TYPE.route).map((route) => [route.name, route]));
  const endpoints = new Map(
    [...(resources.get(TYPE.endpoint) ?? [])].map(([name, m]) => [name, toJson(TYPE.endpoint, m)]),
  );
  const rewritten = (message: Named): object =>
    JSON.parse(JSON.stringify(message), (key, value: unknown) => {
      if (!isObject(value)) return value;
      if (key === 'typed_config' && 'rds' in value) return withRoutes(value, routes);
      if (key === 'common_tls_context' && identity !== undefined) return withIdentity(value, identity);
      return value;
    }) as object;
  return {
    node: { id: 'sidecar~10.1.0.1~client.default~default.svc.cluster.local', cluster: 'client' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 15000 } } },
    static_resources: {
      clusters: [
        ...(identity === undefined ? [grpcServer('sds-grpc')] : []),
        ...all(TYPE.cluster).map((cluster) => rewritten(withEndpoints(cluster, endpoints))),
      ],
      listeners: all(TYPE.listener).map(rewritten),
    },
  };
}

type Named = { readonly name: string } & Record<string, unknown>;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function withRoutes({ rds, ...manager }: Record<string, unknown>, routes: ReadonlyMap<string, object>): object {
  const name = String(isObject(rds) ? rds['route_config_name'] : '');
  const route_config = routes.get(name);
  if (route_config === undefined) throw new Error(`there are no routes ${name}`);
  return { ...manager, route_config };
}

function withEndpoints({ eds_cluster_config, ...cluster }: Named, endpoints: ReadonlyMap<string, unknown>): Named {
  if (eds_cluster_config === undefined) return cluster as Named;
  return {
    ...cluster,
    name: cluster['name'] as string,
    type: 'STATIC',
    load_assignment: endpoints.get(cluster['name'] as string),
  };
}

function withIdentity(context: Record<string, unknown>, identity: StaticIdentity): object {
  const { tls_certificate_sds_secret_configs: _own, combined_validation_context: combined, ...rest } = context;
  if (_own === undefined) return context;
  const expected = isObject(combined) ? combined['default_validation_context'] : {};
  return {
    ...rest,
    tls_certificates: [
      {
        certificate_chain: { inline_string: identity.certificateChain },
        private_key: { inline_string: identity.privateKey },
      },
    ],
    validation_context: { ...(isObject(expected) ? expected : {}), trusted_ca: { inline_string: identity.roots } },
  };
}

function grpcServer(name: string): object {
  const type = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return {
    name,
    type: 'STATIC',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': type,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}
