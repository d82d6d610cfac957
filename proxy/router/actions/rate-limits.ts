import type {
  _envoy_config_route_v3_RateLimit_Action__Output as ActionMessage,
  RateLimit__Output,
} from '../../../proto/gen/envoy/config/route/v3/RateLimit.js';
import { metadataAt } from '../../http/dynamic-metadata.js';
import { type RequestHead, requestHeader } from '../../http/message.js';
import type { StreamInfo } from '../../http/stream-info.js';
import { cidrOf, parseIp } from '../../snapshot/cidr.js';
import type { Issues } from '../../snapshot/issues.js';
import { compileHeaderMatcher } from '../matchers/header-matcher.js';
import { compileQueryMatcher, parseQuery } from '../matchers/query-matcher.js';
import type { RouteEntry } from '../route.js';

/** One key with its value of what describes a request to a rate limit. */
export interface DescriptorEntry {
  readonly key: string;
  readonly value: string;
}

/** What descriptors are made of. */
export interface DescribedRequest {
  readonly request: RequestHead;
  readonly info: StreamInfo;
  readonly route: RouteEntry | undefined;
  /** The proxy's own service (`node.cluster`). */
  readonly serviceCluster: string;
}

/** A compiled envoy.config.route.v3.RateLimit: says what describes a request, or that it has no such description. */
export interface RateLimitDescription {
  readonly stage: number;
  describe(request: DescribedRequest): readonly DescriptorEntry[] | undefined;
}

/** What a route and its virtual host say; see {@link RouteEntry.rateLimits}. */
export interface RouteRateLimits {
  readonly route: readonly RateLimitDescription[];
  readonly host: readonly RateLimitDescription[];
  /** The virtual host's count beside the route's, whatever the filter says. */
  readonly includeHost: boolean;
}

/** An entry, nothing to add, or `no` when there is no description then. */
type Step = (request: DescribedRequest) => DescriptorEntry | 'none' | 'no';

/** Compiles `rate_limits`; those that a runtime key could switch off are left out, as Envoy leaves them. */
export function compileRateLimits(
  messages: readonly RateLimit__Output[] | undefined,
  issues: Issues,
): readonly RateLimitDescription[] {
  return (messages ?? []).flatMap((message, index) => {
    const at = issues.at(index).at('actions');
    const steps = (message.actions ?? []).map((action, i) => compileAction(action, at.at(i)));
    if ((message.disable_key ?? '') !== '') return [];
    return [{ stage: message.stage?.value ?? 0, describe: (request: DescribedRequest) => describeBy(steps, request) }];
  });
}

function describeBy(steps: readonly Step[], request: DescribedRequest): readonly DescriptorEntry[] | undefined {
  const entries: DescriptorEntry[] = [];
  for (const step of steps) {
    const entry = step(request);
    if (entry === 'no') return undefined;
    if (entry !== 'none') entries.push(entry);
  }
  return entries.length === 0 ? undefined : entries;
}

function compileAction(message: ActionMessage, issues: Issues): Step {
  if (message.source_cluster) return ({ serviceCluster }) => ({ key: 'source_cluster', value: serviceCluster });
  if (message.destination_cluster) return destinationCluster;
  if (message.request_headers) return requestHeaders(message.request_headers);
  if (message.remote_address) return (request) => ({ key: 'remote_address', value: clientOf(request) });
  if (message.masked_remote_address) return maskedAddress(message.masked_remote_address);
  if (message.generic_key) {
    const { descriptor_key: key = '', descriptor_value: value = '' } = message.generic_key;
    const entry = { key: key === '' ? 'generic_key' : key, value };
    return () => entry;
  }
  if (message.header_value_match) return headerMatch(message.header_value_match, issues.at('header_value_match'));
  if (message.query_parameter_value_match) {
    return queryMatch(message.query_parameter_value_match, issues.at('query_parameter_value_match'));
  }
  if (message.metadata) return metadataValue(message.metadata, issues.at('metadata'));
  issues.error('this kind of action is not supported');
  return () => 'no';
}

function destinationCluster({ route }: DescribedRequest): DescriptorEntry | 'no' {
  const action = route?.action;
  if (action?.kind !== 'forward' || action.clusterName === undefined) return 'no';
  return { key: 'destination_cluster', value: action.clusterName };
}

function requestHeaders(message: NonNullable<ActionMessage['request_headers']>): Step {
  const name = (message.header_name ?? '').toLowerCase();
  const key = message.descriptor_key ?? '';
  const absent = message.skip_if_absent === true ? 'none' : 'no';
  return ({ request }) => {
    const value = name.startsWith(':') || name === 'host' ? requestHeader(request, name) : request.headers.get(name);
    return value === undefined ? absent : { key, value };
  };
}

function clientOf({ info }: DescribedRequest): string {
  return info.clientIp || info.connection.remoteIp;
}

function maskedAddress(message: NonNullable<ActionMessage['masked_remote_address']>): Step {
  const v4 = message.v4_prefix_mask_len?.value ?? 32;
  const v6 = message.v6_prefix_mask_len?.value ?? 128;
  return (request) => {
    const bytes = parseIp(clientOf(request));
    if (bytes === undefined) return 'no';
    return { key: 'masked_remote_address', value: cidrOf(bytes, bytes.length === 4 ? v4 : v6).address };
  };
}

function headerMatch(message: NonNullable<ActionMessage['header_value_match']>, issues: Issues): Step {
  const tests = (message.headers ?? []).map((matcher, i) => compileHeaderMatcher(matcher, issues.at('headers').at(i)));
  const key = (message.descriptor_key ?? '') === '' ? 'header_match' : (message.descriptor_key ?? '');
  const entry = { key, value: message.descriptor_value ?? '' };
  const wanted = message.expect_match?.value ?? true;
  return ({ request }) => (tests.every((test) => test?.(request) === true) === wanted ? entry : 'no');
}

function queryMatch(message: NonNullable<ActionMessage['query_parameter_value_match']>, issues: Issues): Step {
  const at = issues.at('query_parameters');
  const tests = (message.query_parameters ?? []).map((matcher, i) => compileQueryMatcher(matcher, at.at(i)));
  const key = (message.descriptor_key ?? '') === '' ? 'query_match' : (message.descriptor_key ?? '');
  const entry = { key, value: message.descriptor_value ?? '' };
  const wanted = message.expect_match?.value ?? true;
  return ({ request }) => {
    const parameters = parseQuery(request.path);
    return tests.every((test) => test?.(parameters) === true) === wanted ? entry : 'no';
  };
}

function metadataValue(message: NonNullable<ActionMessage['metadata']>, issues: Issues): Step {
  if ((message.source ?? 'DYNAMIC') !== 'DYNAMIC') issues.at('source').error('only DYNAMIC is supported');
  const key = message.descriptor_key ?? '';
  const filter = message.metadata_key?.key ?? '';
  const path = (message.metadata_key?.path ?? []).map((segment) => segment.key ?? '');
  const fallback = message.default_value ?? '';
  const absent = message.skip_if_absent === true ? 'none' : 'no';
  return ({ info }) => {
    const found = metadataAt(info.metadata, filter, path);
    const value = typeof found === 'string' && found !== '' ? found : fallback;
    return value === '' ? absent : { key, value };
  };
}
