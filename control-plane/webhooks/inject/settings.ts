import type { V1Pod, V1ResourceRequirements } from '@kubernetes/client-node';
import { logLevelOf } from '../../../common/runtime/log-level.js';
import { parseDuration } from '../../api/duration.js';
import { readYaml } from '../../api/read-yaml.js';
import { isMapping } from '../../api/schema/schema.js';
import { readBool } from './annotations.js';
import type { CaptureConfig, InjectionConfig } from './config.js';

export type Interception = 'REDIRECT' | 'TPROXY' | 'NONE';

/** What holds for one pod: the mesh's values with the pod's annotations over them. */
export interface SidecarSettings {
  readonly image: string;
  readonly native: boolean;
  /** Whether the application starts only once the sidecar is ready; native sidecars always come first. */
  readonly hold: boolean;
  readonly interception: Interception;
  /** 0: the sidecar has no readiness probe. */
  readonly statusPort: number;
  readonly readiness: InjectionConfig['readiness'];
  readonly capture: CaptureConfig & { readonly excludeInterfaces: string; readonly rerouteInterfaces: string };
  readonly resources: V1ResourceRequirements;
  readonly logLevel: string;
  /** Empty leaves it to the sidecar. */
  readonly statsEvictionSeconds: string;
  readonly bindsLowPorts: boolean;
  readonly rewriteAppProbes: boolean;
  readonly mergeMetrics: boolean;
  /** ProxyConfig: of the mesh, with the pod's `proxy.istio.io/config` over it. */
  readonly proxyConfig: Readonly<Record<string, unknown>>;
  readonly proxyMetadata: Readonly<Record<string, string>>;
}

type Annotations = Readonly<Record<string, string>>;

export function settingsOf(pod: V1Pod, config: InjectionConfig): SidecarSettings {
  const annotations = pod.metadata?.annotations ?? {};
  const proxyConfig = proxyConfigOf(annotations, config);
  const native = readBool(annotations['sidecar.istio.io/nativeSidecar']) ?? config.nativeSidecars;
  const image = annotations['sidecar.istio.io/proxyImage'];
  return {
    image: image?.includes('/') === true ? image : config.image,
    native,
    hold: !native && proxyConfig['holdApplicationUntilProxyStarts'] !== false,
    interception: interceptionOf(annotations['sidecar.istio.io/interceptionMode'] ?? proxyConfig['interceptionMode']),
    statusPort: statusPortOf(annotations, config, proxyConfig),
    readiness: readinessOf(annotations, config.readiness),
    capture: captureOf(annotations, config.capture),
    resources: resourcesOf(annotations) ?? config.resources,
    statsEvictionSeconds: seconds(annotations['sidecar.istio.io/statsEvictionInterval']),
    logLevel: logLevelOf(annotations['sidecar.istio.io/logLevel'] ?? config.logLevel) ?? 'warn',
    bindsLowPorts: readBool(annotations['sidecar.istio.io/capNetBindService']) ?? false,
    rewriteAppProbes: readBool(annotations['sidecar.istio.io/rewriteAppHTTPProbers']) ?? config.rewriteAppProbes,
    mergeMetrics: readBool(annotations['prometheus.istio.io/merge-metrics']) ?? config.enablePrometheusMerge,
    proxyConfig,
    proxyMetadata: textMap(proxyConfig['proxyMetadata']),
  };
}

/** The pod's fields over the mesh's; maps of both are joined. */
function proxyConfigOf(annotations: Annotations, config: InjectionConfig): Readonly<Record<string, unknown>> {
  const written = readYaml(annotations['proxy.istio.io/config'] ?? '');
  const own: Readonly<Record<string, unknown>> = isMapping(written) ? written : {};
  const base = { discoveryAddress: config.discoveryAddress, statusPort: config.statusPort, ...config.proxyConfig };
  const address = annotations['sidecar.istio.io/discoveryAddress'];
  const joined = Object.fromEntries(
    ['proxyMetadata', 'runtimeValues']
      .map((name) => [name, { ...textMap(base[name as keyof typeof base]), ...textMap(own[name]) }] as const)
      .filter(([, values]) => Object.keys(values).length > 0),
  );
  return { ...base, ...own, ...joined, ...(address === undefined ? {} : { discoveryAddress: address }) };
}

function textMap(value: unknown): Readonly<Record<string, string>> {
  if (!isMapping(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, String(entry)]));
}

function interceptionOf(mode: unknown): Interception {
  return mode === 'TPROXY' || mode === 'NONE' ? mode : 'REDIRECT';
}

function statusPortOf(
  annotations: Annotations,
  config: InjectionConfig,
  proxyConfig: Readonly<Record<string, unknown>>,
): number {
  const annotated = annotations['status.sidecar.istio.io/port'];
  if (annotated !== undefined) return Number(annotated);
  const configured = proxyConfig['statusPort'];
  return typeof configured === 'number' ? configured : config.statusPort;
}

function readinessOf(annotations: Annotations, base: InjectionConfig['readiness']): InjectionConfig['readiness'] {
  const read = (name: keyof InjectionConfig['readiness']): number =>
    Number(annotations[`readiness.status.sidecar.istio.io/${name}`] ?? base[name]);
  return {
    initialDelaySeconds: read('initialDelaySeconds'),
    periodSeconds: read('periodSeconds'),
    failureThreshold: read('failureThreshold'),
  };
}

function captureOf(annotations: Annotations, base: CaptureConfig): SidecarSettings['capture'] {
  const read = (name: string, otherwise: string): string =>
    annotations[`traffic.sidecar.istio.io/${name}`] ?? otherwise;
  return {
    includeIPRanges: read('includeOutboundIPRanges', base.includeIPRanges),
    excludeIPRanges: read('excludeOutboundIPRanges', base.excludeIPRanges),
    includeInboundPorts: read('includeInboundPorts', base.includeInboundPorts),
    excludeInboundPorts: read('excludeInboundPorts', base.excludeInboundPorts),
    includeOutboundPorts: read('includeOutboundPorts', base.includeOutboundPorts),
    excludeOutboundPorts: read('excludeOutboundPorts', base.excludeOutboundPorts),
    excludeInterfaces: read('excludeInterfaces', ''),
    rerouteInterfaces: annotations['istio.io/reroute-virtual-interfaces'] ?? read('kubevirtInterfaces', ''),
  };
}

/** As soon as one of the four annotations is there, they alone count. */
function resourcesOf(annotations: Annotations): V1ResourceRequirements | undefined {
  const pick = (cpu: string, memory: string): Record<string, string> => ({
    ...(annotations[cpu] === undefined ? {} : { cpu: annotations[cpu] }),
    ...(annotations[memory] === undefined ? {} : { memory: annotations[memory] }),
  });
  const requests = pick('sidecar.istio.io/proxyCPU', 'sidecar.istio.io/proxyMemory');
  const limits = pick('sidecar.istio.io/proxyCPULimit', 'sidecar.istio.io/proxyMemoryLimit');
  const both = {
    ...(Object.keys(requests).length > 0 ? { requests } : {}),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
  };
  return Object.keys(both).length > 0 ? both : undefined;
}

function seconds(duration: string | undefined): string {
  const ms = duration === undefined ? undefined : parseDuration(duration);
  return ms === undefined ? '' : String(ms / 1000);
}
