import { resolveHost } from '../api/hosts.js';
import type { DestinationRuleSpec, PortPolicy, TrafficPolicy } from '../api/kinds/destination-rule.js';
import { selectorMatches } from '../api/labels.js';
import type { ConfigObject } from '../api/object.js';
import { AnalysisCode } from './codes.js';
import type { Registry } from './registry.js';
import type { Reporter } from './reporter.js';

/** Envoy's default, which Istio leaves in force. */
const DEFAULT_PERCENT = 10;

/**
 * Outlier detection that ejects nobody: an ejection must leave the share of ejected hosts at or under maxEjectionPercent,
 * and Istio does not set Envoy's `always_eject_one_host`, so one of three is too much for 10 %.
 */
export function checkEjection(registry: Registry, report: Reporter): void {
  for (const object of registry.all('DestinationRule')) {
    const { spec, metadata } = object;
    const workloads = registry.service(resolveHost(spec.host, metadata.namespace))?.workloads;
    if (workloads === undefined || spec.host.startsWith('*')) continue;
    checkPolicy(object, spec.trafficPolicy, 'spec.trafficPolicy', workloads.length, report);
    for (const [i, { labels, trafficPolicy }] of (spec.subsets ?? []).entries()) {
      const count = workloads.filter((workload) => selectorMatches(labels, workload)).length;
      checkPolicy(object, trafficPolicy, `spec.subsets[${i}].trafficPolicy`, count, report);
    }
  }
}

function checkPolicy(
  object: ConfigObject<DestinationRuleSpec>,
  policy: TrafficPolicy | undefined,
  path: string,
  workloads: number,
  report: Reporter,
): void {
  const ports = (policy?.portLevelSettings ?? []).map((port, i) => ({ port, at: `${path}.portLevelSettings[${i}]` }));
  const all: readonly { port: PortPolicy | undefined; at: string }[] = [{ port: policy, at: path }, ...ports];
  for (const { port, at } of all) {
    const detection = port?.outlierDetection;
    const percent = detection?.maxEjectionPercent || DEFAULT_PERCENT;
    if (detection === undefined || workloads === 0 || 100 / workloads <= percent) continue;
    report.warning(
      object,
      AnalysisCode.neverEjects,
      `${at}.outlierDetection.maxEjectionPercent`,
      `${percent} % of ${workloads} workload${workloads === 1 ? '' : 's'} is less than one, so none is ever ejected: set it to at least ${Math.ceil(100 / workloads)}`,
    );
  }
}
