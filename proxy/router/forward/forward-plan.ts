import type { DownstreamStream } from '../../http/stream.js';
import type { Cluster, Host } from '../../upstream/cluster.js';
import { setAuthority } from '../actions/rewrite.js';
import type { ClusterChoice, ForwardAction, RouteEntry } from '../route.js';
import type { Mirror } from './mirror.js';
import type { RetryOptions } from './retry-options.js';
import type { Timeouts } from './timeouts.js';

/** What the router has worked out before the first attempt. */
export interface ForwardPlan {
  readonly route: RouteEntry;
  readonly action: ForwardAction;
  readonly choice: ClusterChoice;
  readonly cluster: Cluster;
  readonly timeouts: Timeouts;
  readonly retry: RetryOptions | undefined;
  readonly hash: bigint | undefined;
  readonly destination: string | undefined;
  /** Values of Set-Cookie that hash policies ask for. */
  readonly cookies: readonly string[];
  readonly mirrors: readonly Mirror[];
}

/** The host's name becomes the authority (RouteAction.auto_host_rewrite). */
export function takeHostsName(stream: DownstreamStream, host: Host, action: ForwardAction): void {
  if (host.hostname === undefined || host.hostname === '') return;
  setAuthority(
    stream.request,
    host.hostname,
    action.appendXForwardedHost === true,
    stream.suppressEnvoyHeaders !== true,
  );
}
