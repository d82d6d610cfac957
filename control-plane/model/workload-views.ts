import { formatSpiffeId } from '../../common/identity/spiffe.js';
import { type Interception, ownPorts, type SidecarPorts } from './allotment.js';
import type { MeshSnapshot } from './snapshot.js';

/** A workload for people: the debug port and the CLI show it. */
export interface WorkloadView {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly spiffeId: string;
  readonly address: string;
  readonly applicationPorts: readonly number[];
  /** Set when its packets are captured. */
  readonly interception: Interception | undefined;
  /** Set when its sidecar has ports of its own. */
  readonly sidecar:
    | {
        readonly address: string;
        readonly inbound: readonly { application: number; sidecar: number }[];
        readonly outbound: number;
        readonly admin: number;
      }
    | undefined;
  /** Hosts of the services that it serves. */
  readonly services: readonly string[];
}

export function meshWorkloads(snapshot: MeshSnapshot): WorkloadView[] {
  return [...snapshot.workloads].map(([key, workload]) => ({
    namespace: workload.namespace,
    name: workload.name,
    labels: workload.labels,
    serviceAccount: workload.serviceAccount,
    spiffeId: formatSpiffeId({
      trustDomain: snapshot.settings.trustDomain,
      namespace: workload.namespace,
      serviceAccount: workload.serviceAccount,
    }),
    address: workload.address,
    applicationPorts: [...new Set([...workload.ports.values(), ...(ownPorts(workload.sidecar)?.inbound.keys() ?? [])])],
    interception: workload.sidecar?.kind === 'capture' ? workload.sidecar.interception : undefined,
    sidecar: ownPortsView(ownPorts(workload.sidecar)),
    services: (snapshot.servicesOf.get(key) ?? []).map(({ service }) => service.host),
  }));
}

function ownPortsView(ports: SidecarPorts | undefined): WorkloadView['sidecar'] {
  if (ports === undefined) return undefined;
  const { address, outbound, admin } = ports;
  const inbound = [...ports.inbound].map(([application, sidecar]) => ({ application, sidecar }));
  return { address, inbound, outbound, admin };
}
