import { INTERVENTIONS_NAME } from '../../../control-plane/history/interventions.js';
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

/**
 * Where `weft rollback` and `weft bypass` write. It is there from the start, so that the right to change it can be given by its name;
 * an installation that is applied again leaves what is in it.
 */
export function interventions({ namespace }: InstallValues): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: INTERVENTIONS_NAME, namespace, labels: labels('weft') },
  };
}
