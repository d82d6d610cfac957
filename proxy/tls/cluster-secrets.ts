import { secretKeysOf } from './compile.js';
import type { UpstreamTls } from './context.js';

/** The part of a cluster's configuration that says how connections to it are protected. */
export interface ProtectedCluster {
  readonly transport: {
    readonly fallback: { readonly tls: UpstreamTls | undefined };
    readonly matches: readonly { readonly tls: UpstreamTls | undefined }[];
  };
}

/** Keys of the secrets that connections to a cluster may need. */
export function clusterSecretKeys(cluster: ProtectedCluster): string[] {
  const { fallback, matches } = cluster.transport;
  return [fallback, ...matches].flatMap(({ tls }) => (tls === undefined ? [] : secretKeysOf(tls)));
}
