import type { CertificateState, EndpointState, WorkloadDetails, WorkloadState } from '../../common/observe/workload.js';
import { messageOf } from '../../common/runtime/errors.js';
import { askJson, type MeshView } from './view.js';

const ASK_MS = 3000;

/** A workload with what its own sidecar says of itself and of those that it calls. */
export async function workloadDetails(
  view: MeshView,
  state: WorkloadState,
  notes: readonly string[],
): Promise<WorkloadDetails> {
  const nothing = { ...state, certificates: [], endpoints: [] };
  if (state.proxy?.observed === undefined) {
    const why =
      state.proxy === undefined
        ? 'no proxy of it is connected'
        : 'its proxy cannot be asked (an Envoy, or an older release)';
    return { ...nothing, notes: [...notes, why] };
  }
  const key = `${state.namespace}/${state.name}`;
  try {
    const [certs, clusters] = await Promise.all([
      askJson<CertsAnswer>(view, key, '/certs', ASK_MS),
      askJson<ClustersAnswer>(view, key, '/clusters?format=json', ASK_MS),
    ]);
    return { ...state, certificates: certificatesOf(certs), endpoints: endpointsOf(clusters), notes };
  } catch (error) {
    return { ...nothing, notes: [...notes, messageOf(error)] };
  }
}

/** What we read of `/certs` (envoy.admin.v3.Certificates). */
interface CertsAnswer {
  readonly certificates?: readonly {
    readonly cert_chain?: readonly {
      readonly serial_number?: string;
      readonly subject_alt_names?: readonly { readonly uri?: string }[];
      readonly valid_from?: string;
      readonly expiration_time?: string;
    }[];
  }[];
}

/** The first of each chain is the proxy's own. */
function certificatesOf({ certificates = [] }: CertsAnswer): CertificateState[] {
  return certificates.flatMap(({ cert_chain: [own] = [] }) =>
    own === undefined
      ? []
      : [
          {
            identity: own.subject_alt_names?.find(({ uri }) => uri !== undefined)?.uri ?? '',
            serialNumber: own.serial_number ?? '',
            notBefore: Date.parse(own.valid_from ?? ''),
            notAfter: Date.parse(own.expiration_time ?? ''),
          },
        ],
  );
}

/** What we read of `/clusters?format=json` (envoy.admin.v3.Clusters). */
interface ClustersAnswer {
  readonly cluster_statuses?: readonly {
    readonly name?: string;
    readonly host_statuses?: readonly HostStatus[];
  }[];
}

interface HostStatus {
  readonly address?: { readonly socket_address?: { readonly address?: string; readonly port_value?: number } };
  readonly stats?: readonly { readonly name?: string; readonly value?: string }[];
  readonly health_status?: {
    readonly eds_health_status?: string;
    readonly failed_active_health_check?: boolean;
    readonly failed_outlier_check?: boolean;
  };
  readonly weight?: number;
  readonly locality?: { readonly region?: string; readonly zone?: string; readonly sub_zone?: string };
}

/** Of the clusters by which the workload calls others. */
function endpointsOf({ cluster_statuses: all = [] }: ClustersAnswer): EndpointState[] {
  return all.flatMap(({ name = '', host_statuses: hosts = [] }) =>
    name.startsWith('outbound') ? hosts.map((host) => endpointOf(name, host)) : [],
  );
}

function endpointOf(
  cluster: string,
  { address, stats = [], health_status, weight = 1, locality }: HostStatus,
): EndpointState {
  const stat = (name: string): number => Number(stats.find((known) => known.name === name)?.value ?? 0);
  const { address: ip = '', port_value: port = 0 } = address?.socket_address ?? {};
  const flags = [
    ...(health_status?.eds_health_status === 'UNHEALTHY' ? ['failed_eds_health'] : []),
    ...(health_status?.failed_active_health_check === true ? ['failed_active_hc'] : []),
    ...(health_status?.failed_outlier_check === true ? ['failed_outlier_check'] : []),
  ];
  return {
    cluster,
    address: ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`,
    healthy: flags.length === 0,
    ejected: flags.includes('failed_outlier_check'),
    flags,
    locality: [locality?.region, locality?.zone, locality?.sub_zone]
      .filter((part) => part !== undefined && part !== '')
      .join('/'),
    weight,
    activeRequests: stat('rq_active'),
    totalRequests: stat('rq_total'),
    errors: stat('rq_error'),
  };
}
