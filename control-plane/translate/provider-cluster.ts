import { formatClusterName } from '../../common/xds/names.js';
import type { ProxyContext } from './context.js';

/** Where a provider of MeshConfig.extensionProviders is reached. */
export interface ProviderCluster {
  readonly cluster: string;
  /** Its host, for the authority of requests. */
  readonly hostname: string;
}

/** What providers have in common: `[namespace/]hostname` and a port of that service. */
export interface ProviderService {
  readonly service?: string;
  readonly port?: number;
}

/** The cluster of a provider's service, as far as this client may know it; undefined when it does not. */
export function providerCluster(context: ProxyContext, provider: ProviderService): ProviderCluster | undefined {
  const { namespace, hostname } = providerHost(provider.service ?? '');
  const found = context.byHost
    .get(hostname)
    ?.find(
      ({ service, port }) =>
        port.number === provider.port && (namespace === undefined || service.namespace === namespace),
    );
  if (found === undefined) return undefined;
  const port = found.port.number;
  return { cluster: formatClusterName({ direction: 'outbound', port, subset: '', host: hostname }), hostname };
}

/** The two parts of a provider's `service`. */
export function providerHost(service: string): { readonly namespace: string | undefined; readonly hostname: string } {
  const slash = service.indexOf('/');
  if (slash < 0) return { namespace: undefined, hostname: service };
  return { namespace: service.slice(0, slash), hostname: service.slice(slash + 1) };
}
