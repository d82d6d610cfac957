import { trustDomainOf } from '../common/identity/spiffe.js';
import type { ProxyConfig } from './config.js';
import type { FilterDeps } from './filters/registry.js';
import type { WorkloadInfo } from './http/stream-info.js';
import { clusterSecretKeys } from './tls/cluster-secrets.js';
import type { ClusterConfig } from './upstream/cluster-config.js';
import type { ClusterManager } from './upstream/cluster-manager.js';

const always = (): number => 0;

/** Whom workload metadata is exchanged with: peers of our trust domain by mTLS, clusters that we reach with our identity. */
export function meshPeers(
  config: ProxyConfig,
  own: WorkloadInfo,
  clusters: ClusterManager,
): FilterDeps['peerMetadata'] {
  const isOurs = memberOf(config.workload.trustDomain);
  const nodeId = config.node.id ?? '';
  return {
    own: { ...own, nodeId, instance: instanceOf(nodeId) ?? own.workload, owner: '' },
    trusts: (peer) => peer.mtls && peer.uriSan !== undefined && isOurs(peer.uriSan),
    goesToMesh(context) {
      const action = context.route()?.action;
      if (action?.kind !== 'forward') return false;
      const choice = action.selectCluster(always, context.request);
      const cluster = choice === undefined ? undefined : clusters.get(choice.name);
      return cluster !== undefined && usesSecrets(cluster.config);
    },
  };
}

/** Peers whose domain is remembered: they come with every request. */
const MAX_PEERS = 1024;

/** Whether a SPIFFE ID belongs to a trust domain. */
function memberOf(trustDomain: string): (uri: string) => boolean {
  const known = new Map<string, boolean>();
  return (uri) => {
    let ours = known.get(uri);
    if (ours === undefined) {
      ours = trustDomainOf(uri) === trustDomain;
      if (known.size >= MAX_PEERS) known.clear();
      known.set(uri, ours);
    }
    return ours;
  };
}

const known = new WeakMap<ClusterConfig, boolean>();

/** Whether connections to a cluster are protected by our identity; worked out once a configuration. */
function usesSecrets(config: ClusterConfig): boolean {
  let uses = known.get(config);
  if (uses === undefined) {
    uses = clusterSecretKeys(config).length > 0;
    known.set(config, uses);
  }
  return uses;
}

/** The pod's name in `sidecar~IP~POD.NAMESPACE~DOMAIN`. */
function instanceOf(nodeId: string): string | undefined {
  return nodeId.split('~')[2]?.split('.')[0];
}
