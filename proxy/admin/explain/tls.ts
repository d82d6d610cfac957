import type { ExplainedCertificate, ExplainedTls } from '../../../common/observe/route-explanation.js';
import { EXTENSION, TYPE } from '../../../common/xds/type-urls.js';
import type { Cluster__Output } from '../../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { FilterChain__Output } from '../../../proto/gen/envoy/config/listener/v3/FilterChain.js';
import type { CommonTlsContext__Output } from '../../../proto/gen/envoy/extensions/transport_sockets/tls/v3/CommonTlsContext.js';
import type { DownstreamTlsContext__Output } from '../../../proto/gen/envoy/extensions/transport_sockets/tls/v3/DownstreamTlsContext.js';
import type { UpstreamTlsContext__Output } from '../../../proto/gen/envoy/extensions/transport_sockets/tls/v3/UpstreamTlsContext.js';
import { typeUrlOf, unpacked } from '../../snapshot/wire-values.js';
import { secretKey } from '../../tls/secrets.js';
import type { AdminSources } from '../sources.js';

/** The secret that is a workload's own identity. */
const OWN = 'default';

/** How a chain ends its clients' TLS; undefined where it does not. */
export function serverTls(sources: AdminSources, chain: FilterChain__Output): ExplainedTls | undefined {
  const config = chain.transport_socket?.typed_config;
  if (config === undefined || typeUrlOf(config) !== EXTENSION.downstreamTls) return undefined;
  const { common_tls_context: common, require_client_certificate: required } =
    unpacked<DownstreamTlsContext__Output>(config);
  const secrets = secretsOf(common);
  const mutual = required?.value === true;
  return {
    mode: mutual ? (secrets.includes(OWN) ? 'ISTIO_MUTUAL' : 'MUTUAL') : 'SIMPLE',
    serverName: '',
    certificates: secrets.flatMap((secret) => certificate(sources, secret)),
  };
}

/** How a cluster's own transport protects connections; hosts that take the mesh's mTLS have another. */
export function clusterTls(sources: AdminSources, name: string): ExplainedTls | undefined {
  for (const { typeUrl, name: known, message } of sources.resources()) {
    if (typeUrl !== TYPE.cluster || known !== name || message === undefined) continue;
    const config = (message as Cluster__Output).transport_socket?.typed_config;
    if (config === undefined || typeUrlOf(config) !== EXTENSION.upstreamTls) return undefined;
    const { common_tls_context: common, sni = '' } = unpacked<UpstreamTlsContext__Output>(config);
    const secrets = secretsOf(common);
    const files = (common?.tls_certificates ?? []).length > 0;
    const mode = secrets.includes(OWN) ? 'ISTIO_MUTUAL' : secrets.length > 0 || files ? 'MUTUAL' : 'SIMPLE';
    return { mode, serverName: sni, certificates: secrets.flatMap((secret) => certificate(sources, secret)) };
  }
  return undefined;
}

function secretsOf(common: CommonTlsContext__Output | undefined): string[] {
  return (common?.tls_certificate_sds_secret_configs ?? []).map(({ name = '' }) => name);
}

/** One that has not come is named without anything else: connections are refused until it does. */
function certificate(sources: AdminSources, secret: string): ExplainedCertificate[] {
  const keys = (['ads', 'local', 'static'] as const).map((source) => secretKey(source, secret));
  for (const { path, chain } of sources.certificates()) {
    const [own] = chain;
    if (!keys.includes(path) || own === undefined) continue;
    const names = own.subjectAltNames.flatMap(({ dns, uri }) => dns ?? uri ?? []);
    return [{ secret, names, notAfter: own.expiration }];
  }
  return [{ secret, names: [] }];
}
