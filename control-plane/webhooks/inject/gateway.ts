import type { V1Pod } from '@kubernetes/client-node';
import { type InjectionConfig, SIDECAR } from './config.js';
import { proxyEnvironment } from './environment.js';
import { canonicalLabels, injectedAnnotations } from './labels.js';
import type { Overlay } from './overlay.js';
import type { SidecarSettings } from './settings.js';
import { pullPolicy } from './sidecar.js';
import { proxyVolumeMounts, proxyVolumes } from './volumes.js';

/** What makes a pod with an empty `istio-proxy` container (`image: auto`) a gateway. */
export function gatewayOverlay(
  pod: V1Pod,
  namespace: string,
  settings: SidecarSettings,
  config: InjectionConfig,
): Overlay {
  const { network, proxyUid } = config;
  return {
    labels: { ...canonicalLabels(pod), ...(network === '' ? {} : { 'topology.istio.io/network': network }) },
    annotations: injectedAnnotations(pod, config),
    initContainers: [],
    containers: [
      {
        name: SIDECAR,
        image: settings.image,
        ...pullPolicy(config),
        args: ['proxy', 'router'],
        ports: [{ name: 'http-envoy-prom', containerPort: 15_090, protocol: 'TCP' }],
        env: proxyEnvironment(pod, namespace, settings, config),
        readinessProbe: {
          httpGet: { path: '/healthz/ready', port: 15_021 },
          timeoutSeconds: 3,
          ...settings.readiness,
        },
        resources: settings.resources,
        securityContext: {
          allowPrivilegeEscalation: false,
          privileged: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
          runAsNonRoot: true,
          runAsUser: proxyUid,
          runAsGroup: proxyUid,
          seccompProfile: { type: 'RuntimeDefault' },
        },
        volumeMounts: proxyVolumeMounts(pod),
      },
    ],
    volumes: proxyVolumes(pod, config),
    imagePullSecrets: [...config.imagePullSecrets],
    // So that ports below 1024 need no rights.
    sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
  };
}
