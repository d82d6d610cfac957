import type { PortPolicy, Subset, TrafficPolicy } from '../api/kinds/destination-rule.js';
import type { HostRule } from '../model/destination-rules.js';
import type { MeshSettings } from '../model/mesh-settings.js';

/** What is in force for one port of a service or of a subset of it. */
export type EffectivePolicy = Omit<TrafficPolicy, 'portLevelSettings'>;

/** What applies to one port of a service or of a subset: the subset's fields over the destination's, over the mesh's. */
export function policyFor(
  rule: HostRule | undefined,
  port: number,
  subset?: Subset,
  settings?: Pick<MeshSettings, 'defaultTrafficPolicy'>,
): EffectivePolicy {
  const destination = ofDestination(rule?.trafficPolicy, port);
  const policy = overlay(destination, subset?.trafficPolicy, port);
  const { connectionPool, outlierDetection } = settings?.defaultTrafficPolicy ?? {};
  return { ...(connectionPool && { connectionPool }), ...(outlierDetection && { outlierDetection }), ...policy };
}

/** Settings of a port stand alone: what they leave out is Envoy's default, not the wider level's. */
function ofDestination(policy: TrafficPolicy | undefined, port: number): EffectivePolicy {
  if (policy === undefined) return {};
  const own = portLevel(policy, port);
  return own === undefined ? { ...forPorts(policy), ...forAll(policy) } : forPorts(own);
}

/** A subset's settings of a port replace all that ports can have; the rest stays the destination's. */
function overlay(base: EffectivePolicy, policy: TrafficPolicy | undefined, port: number): EffectivePolicy {
  if (policy === undefined) return base;
  const own = portLevel(policy, port);
  return own === undefined
    ? { ...base, ...forPorts(policy), ...forAll(policy) }
    : { ...forAll(base), ...forPorts(own) };
}

function portLevel(policy: TrafficPolicy, port: number): PortPolicy | undefined {
  return policy.portLevelSettings?.find((settings) => settings.port?.number === port);
}

function forPorts(policy: PortPolicy): PortPolicy {
  return {
    ...(policy.loadBalancer && { loadBalancer: policy.loadBalancer }),
    ...(policy.connectionPool && { connectionPool: policy.connectionPool }),
    ...(policy.outlierDetection && { outlierDetection: policy.outlierDetection }),
    ...(policy.tls && { tls: policy.tls }),
  };
}

function forAll(policy: EffectivePolicy): EffectivePolicy {
  return {
    ...(policy.tunnel && { tunnel: policy.tunnel }),
    ...(policy.proxyProtocol && { proxyProtocol: policy.proxyProtocol }),
    ...(policy.retryBudget && { retryBudget: policy.retryBudget }),
  };
}
