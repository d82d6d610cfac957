import type { WorkloadEntrySpec } from '../api/kinds/workload-entry.js';
import type { WorkloadGroupSpec } from '../api/kinds/workload-group.js';
import type { ConfigObject } from '../api/object.js';
import type { ProxyNode } from './proxy-node.js';

/** Istio's annotation on entries that a proxy's joining has made. */
export const GROUP_ANNOTATION = 'istio.io/autoRegistrationGroup';
const INTERCEPTION = 'sidecar.istio.io/interceptionMode';
const MAX_NAME = 253;

/** The name of the WorkloadEntry of a proxy that joined by a group, as Istio gives it; empty without an address. */
export function registeredName(group: string, address: string, network: string): string {
  if (address === '') return '';
  const parts = [group, address.replaceAll(':', '-'), ...(network === '' ? [] : [network])];
  return parts.join('-').slice(-MAX_NAME);
}

/** What a group makes of a proxy: its template, with what the proxy says about itself. */
export function registeredEntry(
  group: ConfigObject<WorkloadGroupSpec>,
  { workload, addresses = [], labels, locality, metadata = {} }: ProxyNode,
): ConfigObject<WorkloadEntrySpec> {
  const { template, metadata: given = {} } = group.spec;
  const network = metadata['NETWORK'] || template.network;
  const interception = metadata['INTERCEPTION_MODE'];
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: {
      name: workload,
      namespace: group.metadata.namespace,
      labels: { ...given.labels },
      annotations: {
        ...given.annotations,
        [GROUP_ANNOTATION]: group.metadata.name,
        ...(interception !== undefined && interception !== '' && { [INTERCEPTION]: interception }),
      },
      creationTimestamp: '',
      generation: 1,
    },
    spec: {
      ...template,
      address: addresses[0] ?? '',
      labels: { ...template.labels, ...given.labels, ...labels },
      ...(locality !== undefined && { locality }),
      ...(network !== undefined && { network }),
    },
    origin: group.origin,
  };
}
