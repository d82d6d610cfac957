import { joinAddress } from '../../common/runtime/address.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Cluster__Output } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { UpstreamTlsContext__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/UpstreamTlsContext.js';
import type { ProxyConfig } from '../config.js';
import type { Issues } from '../snapshot/issues.js';
import { typeUrlOf, unpacked } from '../snapshot/wire-values.js';
import { compileUpstreamTls } from '../tls/compile.js';
import type { UpstreamTls } from '../tls/context.js';
import type { GrpcEndpoint } from './grpc-stream.js';

/** How the xDS server is reached: from the static cluster that ads_config names. undefined without ADS. */
export function adsEndpoint(config: ProxyConfig, issues: Issues): GrpcEndpoint | undefined {
  const { ads } = config.dynamic;
  if (ads === undefined) return undefined;
  const cluster = config.staticResources.clusters?.find(({ name }) => name === ads.cluster);
  if (cluster === undefined) {
    issues.error(`dynamic_resources.ads_config names the cluster '${ads.cluster}', which is not in static_resources`);
    return undefined;
  }
  const at = issues.at(`cluster '${ads.cluster}'`);
  const targets = targetsOf(cluster);
  if (targets.length === 0) at.at('load_assignment').error('has no endpoint');
  return {
    targets,
    tls: tlsOf(cluster, at),
    metadata: ads.metadata,
    tokenPath: config.tokenPath,
    authority: ads.authority,
  };
}

function targetsOf(cluster: Cluster__Output): string[] {
  const endpoints = (cluster.load_assignment?.endpoints ?? []).flatMap(({ lb_endpoints }) => lb_endpoints ?? []);
  return endpoints.flatMap(({ endpoint }) => {
    const address = endpoint?.address;
    if (address?.pipe?.path !== undefined) return [`unix:${address.pipe.path}`];
    const socket = address?.socket_address;
    return socket?.address === undefined ? [] : [joinAddress(socket.address, socket.port_value ?? 0)];
  });
}

function tlsOf(cluster: Cluster__Output, issues: Issues): UpstreamTls | undefined {
  const config = cluster.transport_socket?.typed_config;
  if (config === undefined || typeUrlOf(config) !== EXTENSION.upstreamTls) return undefined;
  const at = issues.at('transport_socket').at('typed_config');
  const tls = compileUpstreamTls(unpacked<UpstreamTlsContext__Output>(config), at);
  if (tls !== undefined && tls.validation.roots.kind !== 'inline') at.error('needs trusted_ca, inline or in a file');
  return tls;
}
