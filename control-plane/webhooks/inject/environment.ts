import type { V1EnvVar, V1Pod } from '@kubernetes/client-node';
import { parseDuration } from '../../api/duration.js';
import { type InjectionConfig, SIDECAR } from './config.js';
import { ownerOf } from './owner.js';
import type { SidecarSettings } from './settings.js';

const fromPod = (name: string, fieldPath: string): V1EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });

/** How a proxy in a pod is configured: the environment that Istio's agent reads. */
export function proxyEnvironment(
  pod: V1Pod,
  namespace: string,
  settings: SidecarSettings,
  config: InjectionConfig,
): V1EnvVar[] {
  const containers = (pod.spec?.containers ?? []).filter(({ name }) => name !== SIDECAR);
  const workload = pod.metadata?.labels?.['service.istio.io/workload-name'] ?? ownerOf(pod).name;
  const value = (name: string, text: string): V1EnvVar[] => (text === '' ? [] : [{ name, value: text }]);
  return [
    { name: 'CA_ADDR', value: String(settings.proxyConfig['discoveryAddress'] ?? config.discoveryAddress) },
    fromPod('POD_NAME', 'metadata.name'),
    fromPod('POD_NAMESPACE', 'metadata.namespace'),
    fromPod('INSTANCE_IP', 'status.podIP'),
    fromPod('INSTANCE_IPS', 'status.podIPs'),
    fromPod('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    fromPod('HOST_IP', 'status.hostIP'),
    { name: 'PROXY_CONFIG', value: proxyConfigOf(settings, config) },
    { name: 'ISTIO_META_POD_PORTS', value: JSON.stringify(containers.flatMap(({ ports = [] }) => ports)) },
    { name: 'ISTIO_META_APP_CONTAINERS', value: containers.map(({ name }) => name).join(',') },
    { name: 'ISTIO_META_CLUSTER_ID', value: config.clusterId },
    fromPod('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    { name: 'ISTIO_META_INTERCEPTION_MODE', value: settings.interception },
    ...value('ISTIO_META_NETWORK', config.network),
    ...value('ISTIO_META_WORKLOAD_NAME', workload),
    ...value('ISTIO_META_OWNER', ownerPath(pod, namespace)),
    ...value('ISTIO_META_MESH_ID', String(settings.proxyConfig['meshId'] ?? config.meshId)),
    ...value('TRUST_DOMAIN', config.trustDomain),
    ...value('TERMINATION_DRAIN_DURATION_SECONDS', drainSeconds(settings.proxyConfig['terminationDrainDuration'])),
    { name: 'WEFT_LOG_LEVEL', value: settings.logLevel },
    ...value('ISTIO_META_STATS_EVICTION_SECONDS', settings.statsEvictionSeconds),
    ...proxyMetadata(settings),
  ];
}

/** With the port on which this pod's probes and metrics are answered; 0 only takes the probes away. */
function proxyConfigOf({ proxyConfig, statusPort }: SidecarSettings, config: InjectionConfig): string {
  const { discoveryAddress } = config;
  return JSON.stringify({
    discoveryAddress,
    ...proxyConfig,
    statusPort: statusPort === 0 ? config.statusPort : statusPort,
  });
}

/** `proxyMetadata` is added as it is: node metadata is what begins with ISTIO_META_. */
export function proxyMetadata(settings: SidecarSettings): V1EnvVar[] {
  return Object.entries(settings.proxyMetadata).map(([name, value]) => ({ name, value }));
}

function ownerPath(pod: V1Pod, namespace: string): string {
  const { apiVersion, kind, name } = ownerOf(pod);
  return name === '' ? '' : `kubernetes://apis/${apiVersion}/namespaces/${namespace}/${kind.toLowerCase()}s/${name}`;
}

function drainSeconds(duration: unknown): string {
  const milliseconds = typeof duration === 'string' ? parseDuration(duration) : undefined;
  return milliseconds === undefined ? '' : String(Math.ceil(milliseconds / 1000));
}
