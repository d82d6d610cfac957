import type { KeyKind } from '../../common/identity/keys.js';
import { OBSERVE, TAP } from '../../common/observe/metadata.js';
import { loopbackFor } from '../../common/runtime/local-caller.js';
import { controlPlaneResources, drainSeconds, socketAddress } from '../../common/xds/bootstrap.js';
import { ownPorts } from '../model/allotment.js';
import { type MeshSettings, STATS_EVICTION } from '../model/mesh-settings.js';
import type { Workload } from '../model/service.js';

/** Where a sidecar finds the control plane and its own credentials. */
export interface BootstrapEnvironment {
  /** `host:port` of xDS and CA over TLS. */
  readonly xdsAddress: string;
  /** Path of the PEM root. */
  readonly rootCertificate: string;
  readonly tokenPath: string;
  readonly certTtlSeconds: number;
  /** The WorkloadGroup by which it joins. */
  readonly group?: string;
  /** P-256 unless told otherwise. */
  readonly workloadKey?: KeyKind;
}

/**
 * The Envoy bootstrap with which our sidecar joins the mesh as `workload`. Throws an Error for a workload without a
 * sidecar that has ports of its own.
 */
export function buildBootstrap(workload: Workload, settings: MeshSettings, environment: BootstrapEnvironment): object {
  const sidecar = ownPorts(workload.sidecar);
  if (sidecar === undefined) throw new Error(`${workload.namespace}/${workload.name} has no sidecar`);
  return {
    node: buildNode(workload, settings, environment),
    admin: { address: socketAddress(loopbackFor(sidecar.address), sidecar.admin) },
    ...controlPlaneResources(environment.xdsAddress, environment.rootCertificate, settings.selfDiscovery),
  };
}

export function buildNode(workload: Workload, settings: MeshSettings, environment: BootstrapEnvironment): object {
  const { namespace, name, labels } = workload;
  const eviction = workload.proxyConfig?.proxyMetadata?.[STATS_EVICTION] ?? settings.statsEvictionSeconds;
  const [region = '', zone = '', subZone = ''] = workload.locality.split('/');
  return {
    id: `${ownPorts(workload.sidecar)?.gateway === true ? 'router' : 'sidecar'}~${workload.address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${labels['app'] ?? name}.${namespace}`,
    ...(region === '' ? {} : { locality: { region, zone, sub_zone: subZone } }),
    user_agent_name: 'weft',
    metadata: {
      NAMESPACE: namespace,
      WORKLOAD_NAME: name,
      SERVICE_ACCOUNT: workload.serviceAccount,
      ...(environment.group !== undefined && { AUTO_REGISTER_GROUP: environment.group }),
      LABELS: labels,
      CLUSTER_ID: 'local',
      MESH_ID: settings.trustDomain,
      TRUST_DOMAIN: settings.trustDomain,
      CA_ADDR: environment.xdsAddress,
      CA_ROOT_CERT: environment.rootCertificate,
      TOKEN_PATH: environment.tokenPath,
      [OBSERVE]: 'true',
      ...(!settings.tap && { [TAP]: 'off' }),
      CERT_TTL_SECONDS: environment.certTtlSeconds,
      ...(environment.workloadKey !== undefined && { CERT_KEY: environment.workloadKey }),
      DRAIN_SECONDS: drainSeconds(settings.terminationDrainMs),
      LISTENER_DRAIN_SECONDS: drainSeconds(settings.listenerDrainMs),
      ...(eviction !== undefined && { STATS_EVICTION_SECONDS: eviction }),
      ...(settings.selfDiscovery && { ENABLE_SELF_DISCOVERY: 'true' }),
    },
  };
}
