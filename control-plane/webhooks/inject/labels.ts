import type { V1Pod } from '@kubernetes/client-node';
import { type InjectionConfig, SIDECAR } from './config.js';
import { ownerOf } from './owner.js';

type Texts = Record<string, string>;

const MAX_LABEL = 63;

/** What telemetry calls the workload: labels of the pod, or the name of its owner. */
export function canonicalLabels(pod: V1Pod): Texts {
  const labels = pod.metadata?.labels ?? {};
  const first = (...names: string[]): string | undefined => names.map((name) => labels[name]).find((value) => value);
  const name = first('service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app') ?? ownerOf(pod).name;
  return {
    'service.istio.io/canonical-name': name.slice(0, MAX_LABEL).replace(/^[-_.]+|[-_.]+$/g, ''),
    'service.istio.io/canonical-revision':
      first('service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version') ?? 'latest',
  };
}

/** Revision, and which container `kubectl exec` and `kubectl logs` mean. */
export function injectedAnnotations(pod: V1Pod, config: InjectionConfig): Texts {
  const annotations = pod.metadata?.annotations ?? {};
  const application = pod.spec?.containers.find(({ name }) => name !== SIDECAR)?.name;
  const written: Texts = { 'istio.io/rev': config.revision };
  for (const key of ['kubectl.kubernetes.io/default-container', 'kubectl.kubernetes.io/default-logs-container']) {
    if (application !== undefined && annotations[key] === undefined) written[key] = application;
  }
  return written;
}
