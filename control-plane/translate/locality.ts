import type { LbEndpoint } from '../../proto/gen/envoy/config/endpoint/v3/LbEndpoint.js';
import type { LocalityLbEndpoints } from '../../proto/gen/envoy/config/endpoint/v3/LocalityLbEndpoints.js';
import type { LocalityFailover, LocalityLoadBalancerSetting } from '../api/kinds/destination-rule.js';
import { topologyLabels } from '../model/topology.js';
import { uint32 } from './messages.js';

/** Endpoints of one locality, with the labels of each. */
export interface LocalityGroup {
  /** `region/zone/subzone`, or empty. */
  readonly locality: string;
  readonly endpoints: readonly { readonly message: LbEndpoint; readonly labels: Readonly<Record<string, string>> }[];
  readonly priority: number;
  /** Of the whole group. */
  readonly weight: number;
}

/** Who asks. */
export interface LocalClient {
  readonly locality: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What decides about localities, in Istio's order: the rule, the service's own wish, the mesh. */
export type LocalityPolicy =
  | { readonly kind: 'none' }
  /** `failover` is only worth something with ejection, unless it is `forced`. */
  | { readonly kind: 'locality'; readonly setting: LocalityLoadBalancerSetting; readonly forced: boolean }
  | {
      readonly kind: 'zone';
      readonly enabled: boolean;
      readonly minClusterSize: number | undefined;
      readonly failover: readonly LocalityFailover[];
      readonly failoverPriority: readonly string[];
    };

/** Groups as this client is to see them: weighed, or by priority. */
export function byPolicy(
  groups: readonly LocalityGroup[],
  policy: LocalityPolicy,
  client: LocalClient,
  ejects: boolean,
): readonly LocalityGroup[] {
  switch (policy.kind) {
    case 'none':
      return groups;
    case 'locality':
      return byLocality(groups, policy.setting, client, ejects || policy.forced);
    case 'zone': {
      if (!policy.enabled) return groups;
      const preferred = byLabels(groups, policy.failoverPriority, client);
      return contiguous(preferred, (group) => group.priority * 3 + regionDistance(client, group, policy.failover));
    }
  }
}

function byLocality(
  groups: readonly LocalityGroup[],
  setting: LocalityLoadBalancerSetting,
  client: LocalClient,
  fails: boolean,
): readonly LocalityGroup[] {
  if (setting.distribute !== undefined) return distributed(groups, setting.distribute, client);
  if (!fails) return groups;
  const priorities = setting.failoverPriority ?? [];
  const failover = setting.failover ?? [];
  if (priorities.length === 0) return byDistance(groups, failover, client);
  const preferred = byLabels(groups, priorities, client);
  return failover.length === 0 ? preferred : byDistance(preferred, failover, client);
}

/** 0: same subzone, 1: zone, 2: region, 3: elsewhere, or where `failover` leads, 4: elsewhere when it leads elsewhere. */
function byDistance(
  groups: readonly LocalityGroup[],
  failover: readonly LocalityFailover[],
  client: LocalClient,
): readonly LocalityGroup[] {
  return contiguous(groups, (group) => group.priority * 5 + distance(client, group, failover));
}

function distance(client: LocalClient, group: LocalityGroup, failover: readonly LocalityFailover[]): number {
  const [region = '', zone = '', subzone = ''] = client.locality.split('/');
  const [itsRegion = '', itsZone = '', itsSubzone = ''] = group.locality.split('/');
  if (region === itsRegion) return zone !== itsZone ? 2 : subzone !== itsSubzone ? 1 : 0;
  const rule = failover.find(({ from }) => from === region);
  return rule === undefined || rule.to === itsRegion ? 3 : 4;
}

function regionDistance(client: LocalClient, group: LocalityGroup, failover: readonly LocalityFailover[]): number {
  const [region = ''] = client.locality.split('/');
  const [itsRegion = ''] = group.locality.split('/');
  if (region === itsRegion) return 0;
  const rule = failover.find(({ from }) => from === region);
  return rule !== undefined && rule.to === itsRegion ? 1 : 2;
}

/**
 * Priorities by how many of the labels, from the first on, an endpoint has in common with the client (`label=value` names
 * the value itself). Another network is worse than anything within the own one, but labels count there too.
 */
function byLabels(
  groups: readonly LocalityGroup[],
  priorities: readonly string[],
  client: LocalClient,
): readonly LocalityGroup[] {
  if (priorities.length === 0) return groups;
  const own = topologyLabels(client);
  const wanted = priorities.map((text) => {
    const [label = '', value, ...more] = text.split('=');
    return { label, value: value !== undefined && more.length === 0 ? value : (own[label] ?? '') };
  });
  const split = groups.flatMap((group) => {
    const levels = new Map<number, LocalityGroup['endpoints'][number][]>();
    for (const endpoint of group.endpoints) {
      const level = levelOf(topologyLabels({ locality: group.locality, labels: endpoint.labels }), wanted);
      levels.set(level, [...(levels.get(level) ?? []), endpoint]);
    }
    return [...levels]
      .sort(([a], [b]) => a - b)
      .map(([priority, endpoints]) => ({ ...group, priority, endpoints, weight: weightOf(endpoints) }));
  });
  return contiguous(split, (group) => group.priority);
}

const NETWORK = 'topology.istio.io/network';

function levelOf(
  labels: Readonly<Record<string, string>>,
  wanted: readonly { readonly label: string; readonly value: string }[],
): number {
  let elsewhere = 0;
  for (const [index, { label, value }] of wanted.entries()) {
    if ((labels[label] ?? '') === value) continue;
    if (index === 0 && label === NETWORK) elsewhere = wanted.length;
    else return wanted.length - index + elsewhere;
  }
  return elsewhere;
}

/** Weights of localities as asked for; where the client's locality is named and a locality is not, nothing goes there. */
function distributed(
  groups: readonly LocalityGroup[],
  rules: NonNullable<LocalityLoadBalancerSetting['distribute']>,
  client: LocalClient,
): readonly LocalityGroup[] {
  const rule = rules.find(({ from }) => localityMatches(client.locality, from ?? ''));
  if (rule === undefined) return groups;
  const left = new Set(groups);
  const weights = new Map<LocalityGroup, number>();
  for (const [to, weight] of Object.entries(rule.to ?? {})) {
    const matching = [...left].filter((group) => localityMatches(group.locality, to));
    const total = matching.reduce((sum, group) => sum + group.weight, 0);
    for (const group of matching) {
      left.delete(group);
      if (weight > 0) weights.set(group, Math.ceil((group.weight * weight) / total));
    }
  }
  return groups.map((group) =>
    left.has(group) ? { ...group, endpoints: [] } : { ...group, weight: weights.get(group) ?? group.weight },
  );
}

/** `*` stands for any region, zone or subzone; what is left out too. */
function localityMatches(locality: string, rule: string): boolean {
  const [region = '', zone = '', subzone = ''] = locality.split('/');
  const [ruleRegion = '', ruleZone = '', ruleSubzone = ''] = rule.split('/');
  const fits = (actual: string, asked: string): boolean => asked === '*' || asked === '' || asked === actual;
  return (ruleRegion === '*' || ruleRegion === region) && fits(zone, ruleZone) && fits(subzone, ruleSubzone);
}

/** Envoy wants priorities from 0 without a gap. */
function contiguous(
  groups: readonly LocalityGroup[],
  rank: (group: LocalityGroup) => number,
): readonly LocalityGroup[] {
  const ranks = groups.map(rank);
  const order = [...new Set(ranks)].sort((a, b) => a - b);
  return groups.map((group, index) => ({ ...group, priority: order.indexOf(ranks[index] ?? 0) }));
}

export function weightOf(endpoints: LocalityGroup['endpoints']): number {
  return endpoints.reduce((sum, { message }) => sum + (message.load_balancing_weight?.value ?? 1), 0);
}

/** gRPC's clients refuse endpoints without a locality, even an empty one. */
export function localityMessage(group: LocalityGroup): LocalityLbEndpoints {
  return {
    locality: group.locality === '' ? {} : localityOf(group.locality),
    lb_endpoints: group.endpoints.map(({ message }) => message),
    load_balancing_weight: uint32(group.weight),
    ...(group.priority > 0 && { priority: group.priority }),
  };
}

function localityOf(text: string): { region: string; zone: string; sub_zone: string } {
  const [region = '', zone = '', sub_zone = ''] = text.split('/');
  return { region, zone, sub_zone };
}
