import { isIPv6 } from 'node:net';
import { formatClusterName } from '../../common/xds/names.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { ClusterLoadAssignment } from '../../proto/gen/envoy/config/endpoint/v3/ClusterLoadAssignment.js';
import type { Subset } from '../api/kinds/destination-rule.js';
import { selectorMatches } from '../api/labels.js';
import type { HostRule } from '../model/destination-rules.js';
import type { Service } from '../model/service.js';
import { policyFields } from './cluster-policy.js';
import { hopUnder } from './connection-pool.js';
import type { ProxyContext, VisiblePort } from './context.js';
import { loadAssignment, localityGroups, offersMeshTls } from './endpoints.js';
import { byPolicy } from './locality.js';
import { localityConfig, localityPolicy } from './locality-policy.js';
import { adsSource, duration, struct } from './messages.js';
import { isLookedUp, lookedUp } from './outside.js';
import { credentialResource, rootsOfCredential } from './secrets.js';
import { type EffectivePolicy, policyFor } from './traffic-policy.js';
import { namesByRequest, type TlsTarget, upstreamTls } from './upstream-tls.js';

export interface OutboundClusters {
  readonly clusters: Map<string, Cluster>;
  readonly endpoints: Map<string, ClusterLoadAssignment>;
  /** SDS names of the credentials that this client may have. */
  readonly credentials: Set<string>;
}

interface Made {
  readonly rule: HostRule | undefined;
  readonly clusters: OutboundClusters;
}

/** A service is the same object for as long as nothing that its clusters are made of changes, but rules and clients. */
const known = new WeakMap<Service, Map<string, Made>>();

/**
 * A cluster for every service port that the proxy sees, or for these, and one for every subset of it. Clients with the same `likeness`
 * get the same messages where they have the same rule for a service.
 */
export function outboundClusters(
  context: ProxyContext,
  likeness?: string,
  ports: readonly VisiblePort[] = [...context.byHost.values()].flat(),
): OutboundClusters {
  const out: OutboundClusters = { clusters: new Map(), endpoints: new Map(), credentials: new Set() };
  for (const visible of ports) {
    // Where a wildcard host is, only a client's own look-up could say.
    const nowhere = visible.service.host.startsWith('*') && visible.service.endpoints.length === 0;
    const found = isLookedUp(context, visible) || (context.captured && visible.service.resolution !== 'static');
    if (nowhere && !found) continue;
    const made = likeness === undefined ? portClusters(context, visible) : sharedClusters(context, visible, likeness);
    for (const [name, cluster] of made.clusters) out.clusters.set(name, cluster);
    for (const [name, assignment] of made.endpoints) out.endpoints.set(name, assignment);
    for (const name of made.credentials) out.credentials.add(name);
  }
  return out;
}

function sharedClusters(context: ProxyContext, visible: VisiblePort, likeness: string): OutboundClusters {
  const { service, port } = visible;
  const rule = context.rule(service);
  const made = known.get(service) ?? new Map<string, Made>();
  known.set(service, made);
  const key = `${port.number} ${likeness}`;
  const before = made.get(key);
  // Two rules of different namespaces for one host take turns here; that costs time, and nothing else.
  if (before?.rule === rule && before !== undefined) return before.clusters;
  const clusters = portClusters(context, visible);
  made.set(key, { rule, clusters });
  return clusters;
}

function portClusters(context: ProxyContext, visible: VisiblePort): OutboundClusters {
  const out: OutboundClusters = { clusters: new Map(), endpoints: new Map(), credentials: new Set() };
  const rule = context.rule(visible.service);
  addCluster(context, visible, rule, undefined, out);
  for (const subset of rule?.subsets ?? []) addCluster(context, visible, rule, subset, out);
  return out;
}

function addCluster(
  context: ProxyContext,
  visible: VisiblePort,
  rule: HostRule | undefined,
  subset: Subset | undefined,
  out: OutboundClusters,
): void {
  const { service, port } = visible;
  const { snapshot } = context;
  const weft = context.node.dataPlane === 'weft';
  const subsetName = subset?.name ?? '';
  const name = formatClusterName({ direction: 'outbound', port: port.number, subset: subsetName, host: service.host });
  const policy = policyFor(rule, port.number, subset, snapshot.settings);
  const hop = hopUnder(policy.connectionPool, port.protocol, weft ? 'multiplexed' : 'http1', snapshot.settings);
  const target = { service, port: port.number, subset: subsetName, protocol: port.protocol, hop, multiplexed: weft };
  const credential = policy.tls?.credentialName ?? '';
  // A rule for every client of the mesh hands no key to every sidecar of the namespace.
  if (credential !== '' && (context.node.role === 'router' || rule?.clients !== undefined)) {
    out.credentials.add(credentialResource(credential)).add(credentialResource(rootsOfCredential(credential)));
  }
  const metadata = { filter_metadata: { istio: istioMetadata(visible, rule, subsetName) } };
  const http = namesByRequest(target, policy.tls);
  if (isLookedUp(context, visible)) {
    const fields = policyFields(policy, port.protocol, weft ? 'application' : 'http1', snapshot.settings, { http });
    const tls = upstreamTls(target, policy.tls ?? { mode: 'DISABLE' }, snapshot.settings, policy.proxyProtocol);
    out.clusters.set(name, { name, ...fields, ...lookedUp(), ...tls, metadata });
    return;
  }
  if (goesWhereItWanted(context, visible, policy)) {
    out.clusters.set(name, {
      name,
      ...policyFields(policy, port.protocol, hop, snapshot.settings, { http }),
      type: 'ORIGINAL_DST',
      lb_policy: 'CLUSTER_PROVIDED',
      ...uniformTls(context, visible, subset, target, policy),
      metadata,
    });
    return;
  }
  const localities = localityPolicy(policy.loadBalancer, service, snapshot.settings);
  const ejects = policy.outlierDetection !== undefined;
  const groups = localityGroups(snapshot, visible, subset, context.network);
  const assignment = loadAssignment(name, byPolicy(groups, localities, context.client, ejects));
  out.clusters.set(name, {
    name,
    ...discovery(context, visible, name, assignment),
    ...policyFields(policy, port.protocol, hop, snapshot.settings, {
      common: localityConfig(localities, ejects),
      http,
    }),
    ...upstreamTls(target, policy.tls, snapshot.settings, policy.proxyProtocol),
    metadata,
  });
  if (isEds(visible)) out.endpoints.set(name, assignment);
}

/** Whether a cluster's host is the one that the client has chosen; that is known only where connections are captured. */
function goesWhereItWanted({ captured }: ProxyContext, { service }: VisiblePort, policy: EffectivePolicy): boolean {
  return (
    captured &&
    (service.resolution === 'none' ||
      (service.host.startsWith('*') && service.endpoints.length === 0) ||
      service.headless ||
      policy.loadBalancer?.simple === 'PASSTHROUGH')
  );
}

/** Such a cluster knows no endpoints whose metadata could choose: all of them speak mesh TLS, or none is spoken to so. */
function uniformTls(
  { snapshot }: ProxyContext,
  { service, port }: VisiblePort,
  subset: Subset | undefined,
  target: TlsTarget,
  { tls, proxyProtocol }: EffectivePolicy,
): Partial<Cluster> {
  if (tls !== undefined || !snapshot.settings.autoMtls || service.external) {
    return upstreamTls(target, tls, snapshot.settings, proxyProtocol);
  }
  const endpoints = service.endpoints.filter(({ workload }) => selectorMatches(subset?.labels ?? {}, workload.labels));
  const all = endpoints.length > 0 && endpoints.every((endpoint) => offersMeshTls(snapshot, endpoint, port));
  return upstreamTls(target, { mode: all ? 'ISTIO_MUTUAL' : 'DISABLE' }, snapshot.settings, proxyProtocol);
}

function isEds({ service }: VisiblePort): boolean {
  return service.resolution === 'static';
}

function discovery(
  { snapshot, workload }: ProxyContext,
  visible: VisiblePort,
  name: string,
  assignment: ClusterLoadAssignment,
): Partial<Cluster> {
  if (isEds(visible)) return { type: 'EDS', eds_cluster_config: { eds_config: adsSource, service_name: name } };
  // Envoy's LOGICAL_DNS looks up one name, no more.
  const logical = visible.service.resolution === 'dns-round-robin' && visible.service.endpoints.length === 1;
  return {
    type: logical ? 'LOGICAL_DNS' : 'STRICT_DNS',
    load_assignment: assignment,
    dns_lookup_family: isIPv6(workload?.address ?? '') ? 'V6_ONLY' : 'V4_ONLY',
    dns_refresh_rate: duration(snapshot.settings.dnsRefreshMs),
    respect_dns_ttl: true,
  };
}

function istioMetadata({ service }: VisiblePort, rule: HostRule | undefined, subset: string) {
  const { host, name, namespace } = service;
  return struct({
    services: [{ host, name, namespace }],
    config: rule && `/apis/networking.istio.io/v1alpha3/namespaces/${rule.namespace}/destination-rule/${rule.name}`,
    subset: subset === '' ? undefined : subset,
  });
}
