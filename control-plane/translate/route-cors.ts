import { EXTENSION } from '../../common/xds/type-urls.js';
import type { StringMatcher } from '../../proto/gen/envoy/type/matcher/v3/StringMatcher.js';
import type { Any } from '../../proto/gen/google/protobuf/Any.js';
import type { StringMatch } from '../api/kinds/shared.js';
import type { CorsPolicy } from '../api/kinds/virtual-service.js';
import { durationMs } from '../model/mesh-settings.js';
import { any, bool, regexMatcher, runtimePercent } from './messages.js';

export const CORS_FILTER = 'envoy.filters.http.cors';

export function corsConfig(cors: CorsPolicy): Any {
  const origins = cors.allowOrigins?.map(originMatcher) ?? cors.allowOrigin?.map((exact) => ({ exact })) ?? [];
  return any(EXTENSION.corsPolicy, {
    ...(origins.length > 0 && { allow_origin_string_match: origins }),
    ...(cors.allowMethods !== undefined && { allow_methods: cors.allowMethods.join(',') }),
    ...(cors.allowHeaders !== undefined && { allow_headers: cors.allowHeaders.join(',') }),
    ...(cors.exposeHeaders !== undefined && { expose_headers: cors.exposeHeaders.join(',') }),
    // Whole seconds (Fetch standard, Access-Control-Max-Age).
    ...(cors.maxAge !== undefined && { max_age: String(Math.trunc(durationMs(cors.maxAge, 0) / 1000)) }),
    ...(cors.allowCredentials !== undefined && { allow_credentials: bool(cors.allowCredentials) }),
    filter_enabled: runtimePercent(100),
    forward_not_matching_preflights: bool(cors.unmatchedPreflights !== 'IGNORE'),
  });
}

function originMatcher(match: StringMatch): StringMatcher {
  if (match.regex !== undefined) return { safe_regex: regexMatcher(match.regex) };
  return match.prefix !== undefined ? { prefix: match.prefix } : { exact: match.exact ?? '' };
}
