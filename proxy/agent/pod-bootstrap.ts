import { isIP } from 'node:net';
import { OBSERVE } from '../../common/observe/metadata.js';
import { controlPlaneResources, drainSeconds, socketAddress } from '../../common/xds/bootstrap.js';
import type { PodSettings } from './pod-environment.js';

/** The Envoy bootstrap of a proxy in a pod: node, admin port, and the way to the control plane. */
export function podBootstrap(settings: PodSettings): object {
  return {
    node: node(settings),
    admin: { address: socketAddress(isIP(settings.ip) === 6 ? '::1' : '127.0.0.1', settings.ports.admin) },
    ...controlPlaneResources(
      settings.controlPlane,
      settings.rootPath,
      settings.metadata['ENABLE_SELF_DISCOVERY'] === 'true',
    ),
  };
}

/** Identity as Istio's control plane reads it: `sidecar~IP~POD.NAMESPACE~NAMESPACE.svc.cluster.local`. */
function node(settings: PodSettings): object {
  const { role, ip, pod, namespace, domain, labels, metadata, drain } = settings;
  const workload = textOf(metadata['WORKLOAD_NAME']) || pod;
  return {
    id: `${role}~${ip}~${pod}.${namespace}~${domain}`,
    cluster: `${labels['app'] ?? workload}.${namespace}`,
    user_agent_name: 'weft',
    metadata: {
      CLUSTER_ID: 'Kubernetes',
      WORKLOAD_NAME: workload,
      [OBSERVE]: 'true',
      ...metadata,
      NAME: pod,
      NAMESPACE: namespace,
      SERVICE_ACCOUNT: settings.serviceAccount,
      LABELS: labels,
      TRUST_DOMAIN: settings.trustDomain,
      CA_ADDR: settings.ca.address,
      CA_ROOT_CERT: settings.ca.rootPath,
      TOKEN_PATH: settings.tokenPath,
      CERT_TTL_SECONDS: settings.certTtlSeconds,
      ...(settings.keyKind !== 'P-256' && { CERT_KEY: settings.keyKind }),
      DRAIN_SECONDS: drainSeconds(drain.terminationMs),
      LISTENER_DRAIN_SECONDS: drainSeconds(drain.listenerMs),
    },
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
