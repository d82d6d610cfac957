import type { Random } from '../../../common/runtime/clock.js';
import { ownAddress } from '../../http/forwarded-for.js';
import type { RequestHead } from '../../http/message.js';
import type { DownstreamStream, RequestHandler, Router } from '../../http/stream.js';
import type { StreamInfo } from '../../http/stream-info.js';
import type { Cluster, Clusters, Host } from '../../upstream/cluster.js';
import type { PoolDeps } from '../../upstream/http-pool.js';
import type { ForwardAction, RouteAction, RouteEntry } from '../route.js';
import { clusterNotFound, NO_HEALTHY_UPSTREAM, NO_ROUTE } from './failure.js';
import { takeHostsName } from './forward-plan.js';
import { ForwardedRequest } from './forwarded-request.js';
import { requestHash } from './hash.js';
import { Mirror, mirroredHead } from './mirror.js';
import { statusCounts } from './response.js';
import { takeRetryOptions } from './retry-options.js';
import { replyAttempted, replyByRoute, replyDirectly, replyRedirect } from './route-replies.js';
import { TcpTunnel } from './tcp-tunnel.js';
import { asksByHeader, setExpectedTimeout, takeTimeouts } from './timeouts.js';

export interface ForwardingRouterDeps extends PoolDeps {
  readonly clusters: Clusters;
  readonly random: Random;
  /** Bytes of a request body that are kept for a retry or a mirror (Envoy: 1 MiB). */
  readonly bufferLimit?: number;
}

/** What requests on their way use. */
export interface ForwardingDeps extends PoolDeps {
  readonly random: Random;
  readonly bufferLimit: number;
  /** Bytes of a request body that may wait for a connection before the client is paused. */
  readonly pendingLimit: number;
}

const NO_COOKIES: readonly string[] = [];
const NO_MIRRORS: readonly Mirror[] = [];
const NO_HOSTS: readonly Host[] = [];

/** Receives what follows the head of a request that was answered already. */
const ANSWERED: RequestHandler = {
  onRequestData() {},
  onRequestTrailers() {},
  onDownstreamReset() {},
  onDownstreamDrain() {},
};

/** Envoy's router filter: sends a request to a host of the cluster that its route names, or answers itself. */
export class ForwardingRouter implements Router {
  private readonly clusters: Clusters;
  private readonly deps: ForwardingDeps;

  constructor(deps: ForwardingRouterDeps) {
    this.clusters = deps.clusters;
    this.deps = {
      clock: deps.clock,
      timers: deps.timers,
      createConnection: deps.createConnection,
      random: deps.random,
      bufferLimit: deps.bufferLimit ?? 1024 * 1024,
      pendingLimit: 64 * 1024,
    };
  }

  route(stream: DownstreamStream): RequestHandler {
    const route = stream.route();
    if (route === undefined) {
      stream.localReply(NO_ROUTE);
      return ANSWERED;
    }
    switch (route.action.kind) {
      case 'forward':
        return this.forward(stream, route, route.action);
      case 'redirect':
        replyRedirect(stream, route, route.action);
        return ANSWERED;
      case 'direct-response':
        replyDirectly(stream, route, route.action);
        return ANSWERED;
    }
  }

  announce(info: StreamInfo, action: RouteAction): void {
    if (action.kind !== 'forward' || action.clusterName === undefined) return;
    const cluster = this.clusters.get(action.clusterName);
    if (cluster === undefined) return;
    info.clusterName = action.clusterName;
    info.destinationService = cluster.service;
  }

  private forward(stream: DownstreamStream, route: RouteEntry, action: ForwardAction): RequestHandler {
    const { request, info } = stream;
    const choice = action.selectCluster(this.deps.random, request);
    const cluster = choice === undefined ? undefined : this.clusters.get(choice.name);
    if (choice === undefined || cluster === undefined) {
      replyByRoute(stream, route, choice, clusterNotFound(action.clusterNotFoundStatus ?? 503));
      return ANSWERED;
    }
    info.clusterName = choice.name;
    info.destinationService = cluster.service;
    info.attempts = 1;
    const hashes = action.hashPolicies.length > 0 && cluster.settings.usesHash === true;
    const cookies: string[] | undefined = hashes ? [] : undefined;
    const hash = cookies === undefined ? undefined : requestHash(action.hashPolicies, request, info, cookies);
    const destination = originalDestination(cluster, stream);
    const host = cluster.chooseHost({ hash, avoid: NO_HOSTS, avoidAttempts: 0, destination });
    if (host === undefined) {
      cluster.traffic.withoutHost++;
      statusCounts(cluster, request).count(NO_HEALTHY_UPSTREAM.status);
      route.stats?.answered(NO_HEALTHY_UPSTREAM.status);
      replyAttempted(stream, route, choice, NO_HEALTHY_UPSTREAM);
      return ANSWERED;
    }
    const asks = asksByHeader(request);
    const timeouts = takeTimeouts(action, request, asks);
    const quiet = stream.suppressEnvoyHeaders === true;
    if (!quiet) setExpectedTimeout(request, timeouts, 0);
    if (route.includeRequestAttemptCount === true) request.headers.set('x-envoy-attempt-count', '1');
    choice.prepareRequest(request, info);
    route.prepareRequest(request, info, quiet);
    if (action.autoHostRewrite === true) takeHostsName(stream, host, action);
    if (action.terminateConnect && request.method === 'CONNECT') {
      return new TcpTunnel(stream, cluster, host, (reply) => replyByRoute(stream, route, choice, reply)).start();
    }
    const forwarded = new ForwardedRequest(
      stream,
      {
        route,
        action,
        choice,
        cluster,
        timeouts,
        retry: takeRetryOptions(action.retry, request, asks),
        hash,
        destination,
        cookies: cookies ?? NO_COOKIES,
        mirrors: action.mirrors.length === 0 ? NO_MIRRORS : this.mirrors(action, request),
      },
      this.deps,
    );
    forwarded.begin(host);
    return forwarded;
  }

  private mirrors(action: ForwardAction, request: RequestHead): readonly Mirror[] {
    const mirrors: Mirror[] = [];
    for (const policy of action.mirrors) {
      const cluster = this.clusters.get(policy.cluster);
      if (cluster === undefined || this.deps.random() >= policy.fraction) continue;
      mirrors.push(
        new Mirror(mirroredHead(request, policy.appendShadow, ownAddress()), cluster, action.timeoutMs, this.deps),
      );
    }
    return mirrors;
  }
}

/** `ip:port` for a cluster that sends requests where their connection, or a header, says; the authority for one that sends them where that says. */
function originalDestination(cluster: Cluster, stream: DownstreamStream): string | undefined {
  if (cluster.outside !== undefined) return stream.request.authority;
  const settings = cluster.settings.originalDestination;
  if (settings === undefined) return undefined;
  if (settings.header === undefined) return stream.info.connection.localAddress;
  return stream.request.headers.get(settings.header);
}
