import type { MatchLabelsSelector } from './shared.js';

/** networking.istio.io ProxyConfig: how the proxies of some workloads start. */
export interface ProxyConfigSpec {
  readonly selector?: MatchLabelsSelector;
  readonly concurrency?: number;
  /** Joined with ProxyConfig.proxyMetadata of the mesh. */
  readonly environmentVariables?: Readonly<Record<string, string>>;
  readonly image?: { readonly imageType?: string };
}
