import type { Sample } from '../../proto/gen/weft/observe/v1/Sample.js';
import type { AdminSources } from '../admin/sources.js';
import type { ProxyConfig } from '../config.js';
import type { DataPlane, Runtime } from '../data-plane.js';
import type { CaClient } from '../tls/ca-client.js';
import type { OpenAdsStream } from '../xds/ads-client.js';
import { ownNode } from '../xds/node.js';
import { EdgeSampler } from './edge-sampler.js';
import { Observer } from './observer.js';
import { answerQuestion } from './questions.js';

export interface ObserverParts {
  readonly config: ProxyConfig;
  readonly plane: DataPlane;
  readonly sources: AdminSources;
  readonly ca: CaClient | undefined;
  readonly open: OpenAdsStream;
  readonly runtime: Runtime;
}

/** Starts to tell the control plane what is counted here. */
export function startObserver({ config, plane, sources, ca, open, runtime }: ObserverParts): Observer {
  const node = ownNode(config.node);
  const gateway = node.id?.startsWith('router~') === true;
  const observer = new Observer({
    ...runtime,
    node,
    open,
    edges: new EdgeSampler(() => plane.metrics.edges()),
    state: () => ({
      clusters: troubledClusters(plane),
      certificate_not_after: Math.floor((ca?.status.notAfter ?? 0) / 1000),
      inbound_connections: plane.listeners.activeConnections(!gateway),
      draining: sources.state() === 'DRAINING',
    }),
    ask: (path) => answerQuestion(path, sources),
  });
  observer.start();
  return observer;
}

/** Clusters with hosts that get no requests. */
function troubledClusters({ clusters }: DataPlane): NonNullable<Sample['clusters']> {
  return clusters.list().flatMap(({ cluster }) => {
    const { hosts, healthy, ejected } = cluster.tally;
    return healthy === hosts ? [] : [{ name: cluster.name, hosts, healthy, ejected }];
  });
}
