import type { V1Container, V1Pod, V1Probe, V1SecurityContext } from '@kubernetes/client-node';
import { captureArguments } from './capture.js';
import { INIT, type InjectionConfig, SIDECAR } from './config.js';
import { proxyEnvironment, proxyMetadata } from './environment.js';
import { canonicalLabels, injectedAnnotations } from './labels.js';
import type { Overlay } from './overlay.js';
import type { SidecarSettings } from './settings.js';
import { proxyVolumeMounts, proxyVolumes } from './volumes.js';

const HEALTH_PORT = 15_021;
const METRICS_PORT = 15_090;
/** With a period of one second: how long the sidecar may take to have its first configuration. */
const STARTUP_FAILURES = 600;
const SECCOMP = { seccompProfile: { type: 'RuntimeDefault' } };

/** What a sidecar adds to a pod. */
export function sidecarOverlay(
  pod: V1Pod,
  namespace: string,
  settings: SidecarSettings,
  config: InjectionConfig,
): Overlay {
  const proxy = sidecarContainer(pod, namespace, settings, config);
  const init = settings.interception === 'NONE' ? [] : [initContainer(settings, config)];
  const { network } = config;
  return {
    labels: {
      'security.istio.io/tlsMode': pod.metadata?.labels?.['security.istio.io/tlsMode'] ?? 'istio',
      ...canonicalLabels(pod),
      ...(network === '' ? {} : { 'topology.istio.io/network': network }),
    },
    annotations: injectedAnnotations(pod, config),
    initContainers: settings.native ? [...init, proxy] : init,
    containers: settings.native ? [] : [proxy],
    volumes: proxyVolumes(pod, config),
    imagePullSecrets: [...config.imagePullSecrets],
  };
}

function sidecarContainer(
  pod: V1Pod,
  namespace: string,
  settings: SidecarSettings,
  config: InjectionConfig,
): V1Container {
  return {
    name: SIDECAR,
    image: settings.image,
    ...pullPolicy(config),
    ...(settings.native ? { restartPolicy: 'Always' } : {}),
    args: ['proxy', 'sidecar'],
    ports: [{ name: 'http-envoy-prom', containerPort: METRICS_PORT, protocol: 'TCP' }],
    env: proxyEnvironment(pod, namespace, settings, config),
    ...lifecycle(settings),
    ...(settings.statusPort === 0 ? {} : probes(settings)),
    resources: settings.resources,
    securityContext: sidecarSecurity(settings, config),
    volumeMounts: proxyVolumeMounts(pod),
  };
}

/** Native: draining begins with the pod's end, though the process outlives the application. Else the application waits. */
function lifecycle({ native, hold, statusPort }: SidecarSettings): Pick<V1Container, 'lifecycle'> {
  if (native) {
    const command = ['weft', 'request', `--port=${statusPort === 0 ? 15_020 : statusPort}`, 'POST', 'drain'];
    return { lifecycle: { preStop: { exec: { command } } } };
  }
  return hold ? { lifecycle: { postStart: { exec: { command: ['weft', 'wait'] } } } } : {};
}

function probes({ readiness }: SidecarSettings): { startupProbe: V1Probe; readinessProbe: V1Probe } {
  const httpGet = { path: '/healthz/ready', port: HEALTH_PORT };
  return {
    startupProbe: { httpGet, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: STARTUP_FAILURES },
    readinessProbe: { httpGet, timeoutSeconds: 3, ...readiness },
  };
}

export function pullPolicy(config: InjectionConfig): Pick<V1Container, 'imagePullPolicy'> {
  return config.imagePullPolicy === undefined ? {} : { imagePullPolicy: config.imagePullPolicy };
}

/** What the pod security standard `restricted` asks; transparent proxying and low ports need more. */
function sidecarSecurity(settings: SidecarSettings, config: InjectionConfig): V1SecurityContext {
  const transparent = settings.interception === 'TPROXY';
  const add = [...(transparent ? ['NET_ADMIN'] : []), ...(settings.bindsLowPorts ? ['NET_BIND_SERVICE'] : [])];
  const asRoot = add.length > 0;
  return {
    allowPrivilegeEscalation: false,
    privileged: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'], ...(asRoot ? { add } : {}) },
    runAsNonRoot: !asRoot,
    runAsUser: asRoot ? 0 : config.proxyUid,
    runAsGroup: config.proxyUid,
    ...SECCOMP,
  };
}

function initContainer(settings: SidecarSettings, config: InjectionConfig): V1Container {
  const env = proxyMetadata(settings);
  return {
    name: INIT,
    image: settings.image,
    ...pullPolicy(config),
    args: ['init', ...captureArguments(settings, config)],
    ...(env.length === 0 ? {} : { env }),
    resources: settings.resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      privileged: false,
      // iptables keeps a lock in a file.
      readOnlyRootFilesystem: false,
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] },
      runAsNonRoot: false,
      runAsUser: 0,
      runAsGroup: 0,
      ...SECCOMP,
    },
  };
}
