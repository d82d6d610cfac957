import type { InstallValues } from '../values.js';
import { labels, type Manifest } from './names.js';

export function namespace({ namespace: name }: InstallValues): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      labels: { ...labels('weft'), 'pod-security.kubernetes.io/enforce': 'restricted' },
    },
  };
}

/** The mesh's settings. The control plane watches them; a change needs no restart. */
export function meshConfig(values: InstallValues, text: string): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: values.namespace, labels: labels('weft') },
    data: { mesh: text },
  };
}
