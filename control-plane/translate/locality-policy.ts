import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { LoadBalancerSettings, ZoneAwareLoadBalancerSetting } from '../api/kinds/destination-rule.js';
import type { MeshSettings } from '../model/mesh-settings.js';
import type { Service } from '../model/service.js';
import type { LocalityPolicy } from './locality.js';

const NONE: LocalityPolicy = { kind: 'none' };

/** What a service asks for by its trafficDistribution, as failoverPriority. */
const DISTRIBUTIONS: Readonly<Record<NonNullable<Service['trafficDistribution']>, readonly string[]>> = {
  'same-zone': ['topology.istio.io/network', 'topology.kubernetes.io/region', 'topology.kubernetes.io/zone'],
  'same-node': [
    'topology.istio.io/network',
    'topology.kubernetes.io/region',
    'topology.kubernetes.io/zone',
    'topology.istio.io/subzone',
    'kubernetes.io/hostname',
  ],
};

/** The rule's setting before the service's, before the mesh's; on each level zones before localities. */
export function localityPolicy(
  balancer: LoadBalancerSettings | undefined,
  service: Pick<Service, 'trafficDistribution'>,
  settings: Pick<MeshSettings, 'localityLb' | 'zoneAwareLb'>,
): LocalityPolicy {
  if (balancer?.zoneAwareLbSetting !== undefined) return zoneAware(balancer.zoneAwareLbSetting);
  const own = balancer?.localityLbSetting;
  if (own !== undefined) return own.enabled === false ? NONE : { kind: 'locality', setting: own, forced: false };
  if (service.trafficDistribution !== undefined) {
    const failoverPriority = DISTRIBUTIONS[service.trafficDistribution];
    return { kind: 'locality', setting: { failoverPriority }, forced: true };
  }
  if (settings.zoneAwareLb !== undefined) return zoneAware(settings.zoneAwareLb);
  const mesh = settings.localityLb;
  return mesh.enabled === false ? NONE : { kind: 'locality', setting: mesh, forced: false };
}

function zoneAware(setting: ZoneAwareLoadBalancerSetting): LocalityPolicy {
  return {
    kind: 'zone',
    enabled: setting.enabled !== false,
    minClusterSize: setting.minClusterSize,
    failover: setting.failover ?? [],
    failoverPriority: setting.failoverPriority ?? [],
  };
}

/** Labels by which the policy tells clients apart. */
export function labelsOfPolicy(policy: LocalityPolicy): readonly string[] {
  const priorities =
    policy.kind === 'zone'
      ? policy.failoverPriority
      : policy.kind === 'locality'
        ? policy.setting.failoverPriority
        : [];
  return (priorities ?? []).map((text) => text.split('=')[0] ?? '');
}

/** Localities are weighed only where somebody asked for it: it takes part of its choice from the balancer. */
export function localityConfig(policy: LocalityPolicy, ejects: boolean): NonNullable<Cluster['common_lb_config']> {
  if (policy.kind === 'zone') {
    const size = policy.minClusterSize;
    return {
      zone_aware_lb_config: {
        ...(!policy.enabled && { routing_enabled: { value: 0 } }),
        ...(size !== undefined && { min_cluster_size: { value: size } }),
      },
    };
  }
  if (policy.kind === 'none') return {};
  const { distribute, failover, failoverPriority } = policy.setting;
  const fails = (ejects || policy.forced) && (failover !== undefined || failoverPriority !== undefined);
  return fails || distribute !== undefined ? { locality_weighted_lb_config: {} } : {};
}
