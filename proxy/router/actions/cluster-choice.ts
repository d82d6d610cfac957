import type { Random } from '../../../common/runtime/clock.js';
import type { RouteAction__Output } from '../../../proto/gen/envoy/config/route/v3/RouteAction.js';
import type { _envoy_config_route_v3_WeightedCluster_ClusterWeight__Output as ClusterWeight } from '../../../proto/gen/envoy/config/route/v3/WeightedCluster.js';
import { type RequestHead, requestHeader } from '../../http/message.js';
import type { Issues } from '../../snapshot/issues.js';
import { compileFilterConfigs, type FilterConfigs } from '../filter-configs.js';
import { compileHeaderMutation } from '../header-mutation.js';
import type { ClusterChoice } from '../route.js';
import type { RouteDeps } from '../route-deps.js';

/** How a RouteAction names its cluster. */
export interface ClusterSelector {
  select(random: Random, request: RequestHead): ClusterChoice;
  /** Set when the choice must be made with the route, because the clusters carry filter configuration. */
  readonly split?: { readonly variants: readonly ClusterVariant[]; readonly pick: VariantPicker };
}

export interface ClusterVariant {
  readonly weight: number;
  readonly filters: FilterConfigs | undefined;
  readonly selector: ClusterSelector;
}

/** Position of the chosen variant. */
export type VariantPicker = (random: Random, request: RequestHead) => number;

const nothing = (): void => {};

/** Compiles cluster, cluster_header or weighted_clusters; undefined after an error. */
export function compileClusterSelector(
  action: RouteAction__Output,
  deps: RouteDeps,
  issues: Issues,
): ClusterSelector | undefined {
  if (action.weighted_clusters !== undefined) {
    return compileWeighted(action.weighted_clusters, deps, issues.at('weighted_clusters'));
  }
  if (action.cluster !== undefined && action.cluster !== '') return constant(plainChoice(action.cluster));
  if (action.cluster_header !== undefined && action.cluster_header !== '') {
    return byHeader(action.cluster_header, plainChoice(''));
  }
  issues.error('names no cluster in a way that is supported');
  return undefined;
}

function plainChoice(name: string): ClusterChoice {
  return { name, prepareRequest: nothing, prepareResponse: nothing };
}

function constant(choice: ClusterChoice): ClusterSelector {
  return { select: () => choice };
}

/** The cluster that a request header names; a request without it gets the unknown cluster ''. */
function byHeader(header: string, base: ClusterChoice): ClusterSelector {
  const key = header.toLowerCase();
  return { select: (_random, request) => ({ ...base, name: requestHeader(request, key) ?? '' }) };
}

function compileWeighted(
  message: NonNullable<RouteAction__Output['weighted_clusters']>,
  deps: RouteDeps,
  issues: Issues,
): ClusterSelector | undefined {
  const variants: ClusterVariant[] = [];
  (message.clusters ?? []).forEach((cluster, index) => {
    const variant = compileVariant(cluster, deps, issues.at('clusters').at(index));
    if (variant !== undefined) variants.push(variant);
  });
  const total = variants.reduce((sum, variant) => sum + variant.weight, 0);
  if (total < 1 || total > 0xffff_ffff) {
    issues.error('the weights must sum up to something between 1 and 4294967295');
    return undefined;
  }
  const pick = weightedPicker(variants, total, (message.header_name ?? '').toLowerCase());
  const selectors = variants.map((variant) => variant.selector);
  const fallback = selectors[0];
  if (fallback === undefined) return undefined;
  const select: ClusterSelector['select'] = (random, request) =>
    (selectors[pick(random, request)] ?? fallback).select(random, request);
  return variants.some((variant) => variant.filters !== undefined) ? { select, split: { variants, pick } } : { select };
}

/** Chooses by weight; a decimal number in the header, when there is one, takes the place of chance. */
function weightedPicker(variants: readonly ClusterVariant[], total: number, header: string): VariantPicker {
  const bounds: number[] = [];
  let sum = 0;
  for (const variant of variants) {
    sum += variant.weight;
    bounds.push(sum);
  }
  return (random, request) => {
    const given = header === '' ? undefined : requestHeader(request, header);
    const point =
      given !== undefined && /^\d{1,20}$/.test(given) ? Number(BigInt(given) % BigInt(total)) : random() * total;
    const index = bounds.findIndex((bound) => point < bound);
    return index < 0 ? bounds.length - 1 : index;
  };
}

function compileVariant(cluster: ClusterWeight, deps: RouteDeps, issues: Issues): ClusterVariant | undefined {
  issues.refuse(cluster, ['metadata_match']);
  const request = compileHeaderMutation(
    cluster.request_headers_to_add,
    cluster.request_headers_to_remove,
    deps.compileFormat,
    { add: issues.at('request_headers_to_add'), remove: issues.at('request_headers_to_remove') },
  );
  const response = compileHeaderMutation(
    cluster.response_headers_to_add,
    cluster.response_headers_to_remove,
    deps.compileFormat,
    { add: issues.at('response_headers_to_add'), remove: issues.at('response_headers_to_remove') },
  );
  const host = cluster.host_rewrite_literal ?? '';
  const name = cluster.name ?? '';
  const header = cluster.cluster_header ?? '';
  if ((name === '') === (header === '')) {
    issues.error('exactly one of name and cluster_header must be set');
    return undefined;
  }
  const choice: ClusterChoice = {
    name,
    prepareRequest(head, info) {
      request?.apply(head.headers, { info, request: head, response: undefined });
      if (host !== '') head.authority = host;
    },
    prepareResponse(head, info, requestHead) {
      response?.apply(head.headers, { info, request: requestHead, response: head });
    },
  };
  return {
    weight: cluster.weight?.value ?? 0,
    filters: compileFilterConfigs(cluster.typed_per_filter_config, deps, issues.at('typed_per_filter_config')),
    selector: header === '' ? constant(choice) : byHeader(header, choice),
  };
}
