import type { Bootstrap__Output } from '../../proto/gen/envoy/config/bootstrap/v3/Bootstrap.js';
import type { ApiConfigSource__Output } from '../../proto/gen/envoy/config/core/v3/ApiConfigSource.js';
import type { ConfigSource__Output } from '../../proto/gen/envoy/config/core/v3/ConfigSource.js';
import type { AdsSettings, DynamicSettings, ResourceOrigin } from '../config.js';
import type { Issues } from '../snapshot/issues.js';

type DynamicResources = NonNullable<Bootstrap__Output['dynamic_resources']>;

/** Reads dynamic_resources. */
export function readDynamic(message: DynamicResources | undefined, issues: Issues): DynamicSettings {
  if (message === undefined) return { ads: undefined, listeners: { kind: 'none' }, clusters: { kind: 'none' } };
  issues.refuse(message, ['lds_resources_locator', 'cds_resources_locator']);
  const ads = message.ads_config === undefined ? undefined : readAds(message.ads_config, issues.at('ads_config'));
  const origin = (source: ConfigSource__Output | undefined, field: string): ResourceOrigin => {
    const found = readOrigin(source, issues.at(field));
    if (found.kind === 'ads' && message.ads_config === undefined) issues.at(field).error('ads_config is missing');
    return found;
  };
  return {
    ads,
    listeners: origin(message.lds_config, 'lds_config'),
    clusters: origin(message.cds_config, 'cds_config'),
  };
}

function readOrigin(source: ConfigSource__Output | undefined, issues: Issues): ResourceOrigin {
  if (source === undefined) return { kind: 'none' };
  issues.ignore(source, ['initial_fetch_timeout']);
  if (source.ads !== undefined) return { kind: 'ads' };
  const path = source.path_config_source?.path ?? source.path;
  if (path !== undefined && path !== '') return { kind: 'file', path };
  issues.error('only ads and path_config_source are supported');
  return { kind: 'none' };
}

function readAds(source: ApiConfigSource__Output, issues: Issues): AdsSettings | undefined {
  issues.ignore(source, ['rate_limit_settings', 'request_timeout', 'refresh_delay', 'config_validators']);
  if (source.api_type !== 'GRPC' && source.api_type !== 'DELTA_GRPC') {
    issues.at('api_type').error('must be GRPC or DELTA_GRPC');
    return undefined;
  }
  const [service, ...rest] = source.grpc_services ?? [];
  if (rest.length > 0) issues.at('grpc_services').error('more than one service is not supported');
  const cluster = service?.envoy_grpc?.cluster_name;
  const at = issues.at('grpc_services').at(0);
  if (service === undefined || cluster === undefined || cluster === '') {
    at.error('only envoy_grpc with a cluster_name is supported');
    return undefined;
  }
  at.ignore(service, ['timeout', 'retry_policy']);
  const metadata = (service.initial_metadata ?? []).map(({ key, value }) => [key ?? '', value ?? ''] as const);
  return { delta: source.api_type === 'DELTA_GRPC', cluster, authority: service.envoy_grpc?.authority ?? '', metadata };
}
