import type { PortPolicy, Subset, TrafficPolicy } from '../api/kinds/destination-rule.js';
import type { HostRule } from '../model/destination-rules.js';

/** What applies to one port of a service or of a subset: the subset's fields over the destination's. */
export function policyFor(rule: HostRule | undefined, port: number, subset?: Subset): PortPolicy {
  const destination = overlay({}, rule?.trafficPolicy, port);
  return overlay(destination, subset?.trafficPolicy, port);
}

/** Settings of a port stand alone: what they leave out is Envoy's default, not the wider level's. */
function overlay(base: PortPolicy, policy: TrafficPolicy | undefined, port: number): PortPolicy {
  if (policy === undefined) return base;
  const own = policy.portLevelSettings?.find((settings) => settings.port?.number === port);
  return pick(own ?? { ...base, ...pick(policy) });
}

function pick(policy: PortPolicy): PortPolicy {
  return {
    ...(policy.loadBalancer && { loadBalancer: policy.loadBalancer }),
    ...(policy.connectionPool && { connectionPool: policy.connectionPool }),
    ...(policy.outlierDetection && { outlierDetection: policy.outlierDetection }),
    ...(policy.tls && { tls: policy.tls }),
  };
}
