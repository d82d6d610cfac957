import type { ProxyConfig } from '../api/kinds/mesh-config.js';
import { readYaml } from '../api/read-yaml.js';
import { Report } from '../api/schema/report.js';
import { proxyConfig } from '../api/schemas/proxy-config.js';
import type { MeshSettings } from './mesh-settings.js';

const ANNOTATION = 'proxy.istio.io/config';

/** What a workload says about its own proxy, over the mesh's defaultConfig; nothing where it cannot be read. */
export function ownProxyConfig(annotations: Readonly<Record<string, string>>): { readonly proxyConfig?: ProxyConfig } {
  const written = annotations[ANNOTATION];
  if (written === undefined || written.trim() === '') return {};
  const report = new Report();
  const own = proxyConfig.parse(readYaml(written), '', report);
  return own === undefined || report.failed ? {} : { proxyConfig: own };
}

/** How a gateway is reached: through how many trusted proxies, and what they say about clients. */
export type GatewayTopology = Pick<MeshSettings, 'trustedProxies' | 'forwardClientCert' | 'proxyProtocol'>;

/** The topology of a gateway: each field its own, else the mesh's. */
export function topologyOf(settings: MeshSettings, own: ProxyConfig | undefined): GatewayTopology {
  const { numTrustedProxies, forwardClientCertDetails = 'UNDEFINED', proxyProtocol } = own?.gatewayTopology ?? {};
  return {
    trustedProxies: numTrustedProxies ?? settings.trustedProxies,
    forwardClientCert: forwardClientCertDetails === 'UNDEFINED' ? settings.forwardClientCert : forwardClientCertDetails,
    proxyProtocol: proxyProtocol !== undefined || settings.proxyProtocol,
  };
}
