import type { WorkloadInfo } from '../http/stream-info.js';

/**
 * The proxy's own workload from its xDS node metadata, by Istio's rules: canonical name and revision from their labels,
 * else from the recommended Kubernetes labels, else from `app` and `version`.
 */
export function localWorkload(metadata: Readonly<Record<string, unknown>>): WorkloadInfo {
  const labels = metadata['LABELS'];
  const label = (...names: string[]): string | undefined => {
    for (const name of names) {
      const value =
        typeof labels === 'object' && labels !== null ? (labels as Record<string, unknown>)[name] : undefined;
      if (typeof value === 'string' && value !== '') return value;
    }
    return undefined;
  };
  const field = (name: string): string | undefined => {
    const value = metadata[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const workload = field('WORKLOAD_NAME') ?? field('NAME') ?? 'unknown';
  return {
    workload,
    namespace: field('NAMESPACE') ?? 'unknown',
    canonicalService: label('service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app') ?? workload,
    canonicalRevision: label('service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version') ?? 'latest',
    app: label('app') ?? 'unknown',
    version: label('version') ?? 'unknown',
    cluster: field('CLUSTER_ID') ?? 'unknown',
  };
}
