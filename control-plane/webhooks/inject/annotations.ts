import { isIP } from 'node:net';
import { logLevelOf } from '../../../common/runtime/log-level.js';
import { parseDuration } from '../../api/duration.js';
import { parseQuantity } from '../../api/quantity.js';
import { readYaml } from '../../api/read-yaml.js';
import { type Issue, Report } from '../../api/schema/report.js';
import { isMapping } from '../../api/schema/schema.js';
import { proxyConfig } from '../../api/schemas/proxy-config.js';

type Check = (value: string) => string | undefined;

const when = (good: boolean, wanted: string): string | undefined => (good ? undefined : `must be ${wanted}`);

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text.trim()) && Number(text) <= 65_535;

const ports: Check = (value) =>
  when(value.trim() === '' || value.split(',').every(isPort), 'ports, separated by commas');

const cidrs: Check = (value) =>
  when(value === '' || value.split(',').every(isCidr), 'CIDR blocks, separated by commas');

function isCidr(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  return family !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits ?? '') && Number(bits) <= (family === 4 ? 32 : 128);
}

const orAll =
  (check: Check): Check =>
  (value) =>
    value === '*' ? undefined : check(value);

const count: Check = (value) => when(/^\d{1,9}$/.test(value), 'a whole number');
const bool: Check = (value) => when(/^(1|t|true|0|f|false)$/i.test(value), 'true or false');
const interfaces: Check = (value) =>
  when(
    value.split(',').every((name) => /^[^\s/:]{1,15}$/.test(name)),
    'names of interfaces, separated by commas',
  );
const quantity: Check = (value) => when((parseQuantity(value) ?? -1) >= 0, 'a quantity such as "100m" or "128Mi"');

const interval: Check = (value) => when(parseDuration(value) !== undefined, 'a duration such as "10m"');

const mode: Check = (value) => when(['REDIRECT', 'TPROXY', 'NONE'].includes(value), 'REDIRECT, TPROXY or NONE');
const level: Check = (value) =>
  when(logLevelOf(value) !== undefined, 'trace, debug, info, warning, error, critical or off');
const json: Check = (value) => when(isMapping(readYaml(value)), 'a JSON object');

/** As Go reads a boolean; undefined for what is none. */
export function readBool(text: string | undefined): boolean | undefined {
  if (text === undefined || bool(text) !== undefined) return undefined;
  return /^(1|t|true)$/i.test(text);
}

const CHECKS: Readonly<Record<string, Check>> = {
  'sidecar.istio.io/interceptionMode': mode,
  'status.sidecar.istio.io/port': (value) => when(isPort(value), 'a port'),
  'readiness.status.sidecar.istio.io/initialDelaySeconds': count,
  'readiness.status.sidecar.istio.io/periodSeconds': count,
  'readiness.status.sidecar.istio.io/failureThreshold': count,
  'traffic.sidecar.istio.io/includeOutboundIPRanges': orAll(cidrs),
  'traffic.sidecar.istio.io/excludeOutboundIPRanges': cidrs,
  'traffic.sidecar.istio.io/includeInboundPorts': orAll(ports),
  'traffic.sidecar.istio.io/excludeInboundPorts': ports,
  'traffic.sidecar.istio.io/includeOutboundPorts': ports,
  'traffic.sidecar.istio.io/excludeOutboundPorts': ports,
  'traffic.sidecar.istio.io/excludeInterfaces': interfaces,
  'traffic.sidecar.istio.io/kubevirtInterfaces': interfaces,
  'istio.io/reroute-virtual-interfaces': interfaces,
  'prometheus.istio.io/merge-metrics': bool,
  'sidecar.istio.io/rewriteAppHTTPProbers': bool,
  'sidecar.istio.io/nativeSidecar': bool,
  'sidecar.istio.io/capNetBindService': bool,
  'sidecar.istio.io/logLevel': level,
  'sidecar.istio.io/statsEvictionInterval': interval,
  'sidecar.istio.io/proxyCPU': quantity,
  'sidecar.istio.io/proxyCPULimit': quantity,
  'sidecar.istio.io/proxyMemory': quantity,
  'sidecar.istio.io/proxyMemoryLimit': quantity,
  'sidecar.istio.io/userVolume': json,
  'sidecar.istio.io/userVolumeMount': json,
  'proxy.istio.io/overrides': json,
};

/** What is known and changes nothing here. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  'sidecar.istio.io/bootstrapOverride': 'the sidecar makes its own bootstrap',
  'sidecar.istio.io/proxyImageType': 'there is one image',
  'sidecar.istio.io/componentLogLevel': 'one level counts for the whole sidecar',
  'sidecar.istio.io/agentLogLevel': 'agent and proxy are one process: use sidecar.istio.io/logLevel',
  'sidecar.istio.io/statsInclusionPrefixes': 'all counters are kept',
  'sidecar.istio.io/statsInclusionSuffixes': 'all counters are kept',
  'sidecar.istio.io/statsInclusionRegexps': 'all counters are kept',
  'sidecar.istio.io/statsHistogramBuckets': "histograms have Istio's buckets",
  'sidecar.istio.io/statsHistogramBins': "histograms have Istio's buckets",
  'sidecar.istio.io/statsFlushInterval': 'counters are read when they are asked for',
  'sidecar.istio.io/statsCompression': 'answers are not compressed',
  'sidecar.istio.io/extraStatTags': 'labels of metrics are set by Telemetry',
  'readiness.status.sidecar.istio.io/applicationPorts': 'readiness is that of the sidecar',
  'ambient.istio.io/redirection': 'pods have sidecars here',
  'ambient.istio.io/bypass-inbound-capture': 'pods have sidecars here',
};

const PROXY_CONFIG = 'proxy.istio.io/config';

/** Faults of a pod's annotations, each with the annotation's name: such a pod is refused. */
export function annotationFaults(annotations: Readonly<Record<string, string>>): readonly string[] {
  const ownConfig = proxyConfigIssues(annotations).filter(({ level }) => level === 'error');
  const others = Object.entries(annotations).flatMap(([name, value]) => {
    const fault = Object.hasOwn(CHECKS, name) ? CHECKS[name]?.(value) : undefined;
    return fault === undefined ? [] : [`metadata.annotations["${name}"] ${fault}, got "${value}"`];
  });
  return [...others, ...ownConfig.map(({ path, message }) => `${path}: ${message}`)];
}

/** What the pod's own ProxyConfig has that is wrong, or not acted on. */
function proxyConfigIssues(annotations: Readonly<Record<string, string>>): readonly Issue[] {
  const written = annotations[PROXY_CONFIG];
  if (written === undefined || written.trim() === '') return [];
  const report = new Report();
  proxyConfig.parse(readYaml(written), `metadata.annotations["${PROXY_CONFIG}"]`, report);
  return report.issues;
}

/** Annotations that are known and not acted on. */
export function annotationsWithoutEffect(annotations: Readonly<Record<string, string>>): readonly string[] {
  const known = Object.keys(annotations)
    .filter((name) => Object.hasOwn(WITHOUT_EFFECT, name))
    .map((name) => `annotation ${name} has no effect: ${WITHOUT_EFFECT[name]}`);
  const ownConfig = proxyConfigIssues(annotations).filter(({ level }) => level === 'warning');
  return [...known, ...ownConfig.map(({ path, message }) => `${path} ${message}`)];
}
