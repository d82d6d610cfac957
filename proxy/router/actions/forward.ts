import type {
  _envoy_config_route_v3_RouteAction_RequestMirrorPolicy__Output as MirrorMessage,
  RouteAction__Output,
} from '../../../proto/gen/envoy/config/route/v3/RouteAction.js';
import { interned } from '../../http/interned.js';
import type { RequestHead } from '../../http/message.js';
import type { Issues } from '../../snapshot/issues.js';
import { durationMs, runtimeFraction } from '../../snapshot/wire-values.js';
import { compileSubstitution } from '../matchers/regex.js';
import type { CompiledMatch } from '../matchers/route-match.js';
import type { ForwardAction, HashPolicy, MirrorPolicy, RetryPolicy } from '../route.js';
import type { RouteDeps } from '../route-deps.js';
import { type ClusterSelector, compileClusterSelector } from './cluster-choice.js';
import { compileHashPolicy } from './hash-policy.js';
import { compileRetryPolicy } from './retry-policy.js';
import { compilePathRewrite, type HostRewrite, type PathRewrite, pathOnly } from './rewrite.js';

/** A compiled RouteAction: what the router reads, and what the route itself applies to the head. */
export interface CompiledForward {
  readonly action: ForwardAction;
  readonly selector: ClusterSelector;
  readonly rewritePath: PathRewrite | undefined;
  readonly rewriteHost: HostRewrite | undefined;
  readonly appendForwardedHost: boolean;
}

/** What a route inherits from its virtual host and table. */
export interface Inherited {
  readonly retry: RetryPolicy | undefined;
  readonly mirrors: readonly MirrorPolicy[];
}

const DEFAULT_TIMEOUT_MS = 15_000;
const NOT_FOUND_STATUS = { SERVICE_UNAVAILABLE: 503, NOT_FOUND: 404, INTERNAL_SERVER_ERROR: 500 } as const;

/** Compiles a RouteAction; undefined after an error. */
export function compileForward(
  message: RouteAction__Output,
  match: CompiledMatch,
  inherited: Inherited,
  deps: RouteDeps,
  issues: Issues,
): CompiledForward | undefined {
  refuseUnsupported(message, issues);
  const selector = compileClusterSelector(message, deps, issues);
  const rewritePath = compilePathRewrite(message, match, issues);
  const rewriteHost = compileHostRewrite(message, issues);
  const upgrades = compileUpgrades(message, issues.at('upgrade_configs'));
  const settings = {
    // Who limits the whole stream gets no other limit, as in Envoy.
    timeoutMs: message.max_stream_duration === undefined ? (durationMs(message.timeout) ?? DEFAULT_TIMEOUT_MS) : 0,
    idleTimeoutMs: durationMs(message.idle_timeout),
    retry:
      message.retry_policy === undefined
        ? inherited.retry
        : compileRetryPolicy(message.retry_policy, issues.at('retry_policy')),
    hashPolicies: compileHashPolicies(message, issues.at('hash_policy')),
    mirrors: message.request_mirror_policies?.length
      ? compileMirrors(message.request_mirror_policies, issues.at('request_mirror_policies'))
      : inherited.mirrors,
    clusterNotFoundStatus: NOT_FOUND_STATUS[message.cluster_not_found_response_code ?? 'SERVICE_UNAVAILABLE'],
    ...streamDurations(message),
  };
  if (selector === undefined) return undefined;
  const action: ForwardAction = {
    kind: 'forward',
    ...(message.cluster === undefined ? {} : { clusterName: message.cluster }),
    selectCluster: (random, request) => selector.select(random, request),
    ...settings,
    grpcTimeout: grpcTimeout(message),
    priority: message.priority === 'HIGH' ? 'high' : 'default',
    ...upgrades,
    autoHostRewrite: message.auto_host_rewrite?.value === true,
    appendXForwardedHost: message.append_x_forwarded_host === true,
  };
  return { action, selector, rewritePath, rewriteHost, appendForwardedHost: message.append_x_forwarded_host === true };
}

function refuseUnsupported(message: RouteAction__Output, issues: Issues): void {
  issues.refuse(message, [
    'metadata_match',
    'cors',
    'max_internal_redirects',
    'retry_policy_typed_config',
    'cluster_specifier_plugin',
    'path_rewrite_policy',
  ]);
  issues.ignore(message, ['early_data_policy']);
  if (message.internal_redirect_action === 'HANDLE_INTERNAL_REDIRECT') {
    issues.at('internal_redirect_action').error('is not supported');
  }
}

/** The older form of max_stream_duration's: it limits the attempts together, not the stream. */
function grpcTimeout(message: RouteAction__Output): ForwardAction['grpcTimeout'] {
  const maxMs = durationMs(message.max_grpc_timeout);
  if (maxMs === undefined || message.max_stream_duration !== undefined) return undefined;
  return { maxMs, offsetMs: durationMs(message.grpc_timeout_offset) ?? 0 };
}

function streamDurations(
  message: RouteAction__Output,
): Pick<ForwardAction, 'maxStreamDurationMs' | 'grpcTimeoutHeaderMaxMs' | 'grpcTimeoutHeaderOffsetMs'> {
  const durations = message.max_stream_duration;
  return {
    maxStreamDurationMs: durationMs(durations?.max_stream_duration),
    grpcTimeoutHeaderMaxMs: durationMs(durations?.grpc_timeout_header_max),
    grpcTimeoutHeaderOffsetMs: durationMs(durations?.grpc_timeout_header_offset),
  };
}

function compileHashPolicies(message: RouteAction__Output, issues: Issues): readonly HashPolicy[] {
  return (message.hash_policy ?? []).flatMap((policy, index) => compileHashPolicy(policy, issues.at(index)) ?? []);
}

/** host_rewrite_literal, host_rewrite_header or host_rewrite_path_regex. */
function compileHostRewrite(message: RouteAction__Output, issues: Issues): HostRewrite | undefined {
  const literal = message.host_rewrite_literal ?? '';
  if (literal !== '') return () => literal;
  const header = interned((message.host_rewrite_header ?? '').toLowerCase());
  if (header !== '') return (request) => request.headers.get(header);
  if (message.host_rewrite_path_regex === undefined) return undefined;
  const substitute = compileSubstitution(message.host_rewrite_path_regex, issues.at('host_rewrite_path_regex'));
  return substitute === undefined ? undefined : (request: RequestHead) => substitute(pathOnly(request.path));
}

function compileUpgrades(
  message: RouteAction__Output,
  issues: Issues,
): Pick<ForwardAction, 'upgrades' | 'terminateConnect'> {
  const upgrades = new Map<string, boolean>();
  let terminateConnect = false;
  (message.upgrade_configs ?? []).forEach((config, index) => {
    const type = (config.upgrade_type ?? '').toLowerCase();
    if (upgrades.has(type)) issues.at(index).error(`'${type}' is given twice`);
    upgrades.set(type, config.enabled?.value ?? true);
    if (config.connect_config === undefined) return;
    if (type === 'connect') terminateConnect = true;
    else issues.at(index).error('connect_config belongs to CONNECT only');
    issues.at(index).at('connect_config').refuse(config.connect_config, ['proxy_protocol_config', 'allow_post']);
  });
  return { upgrades, terminateConnect };
}

/** Compiles the request_mirror_policies of one level. */
export function compileMirrors(messages: readonly MirrorMessage[], issues: Issues): readonly MirrorPolicy[] {
  return messages.map((message, index) => {
    issues.at(index).refuse(message, ['cluster_header']);
    issues.at(index).ignore(message, ['trace_sampled']);
    if ((message.cluster ?? '') === '') issues.at(index).error('names no cluster');
    return {
      cluster: message.cluster ?? '',
      fraction: runtimeFraction(message.runtime_fraction),
      appendShadow: message.disable_shadow_host_suffix_append !== true,
    };
  });
}
