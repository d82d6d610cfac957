import type { HeaderMatcher as _envoy_config_route_v3_HeaderMatcher, HeaderMatcher__Output as _envoy_config_route_v3_HeaderMatcher__Output } from '../../../../../envoy/config/route/v3/HeaderMatcher.js';

export interface HttpHeadersMatch {
  'headers'?: (_envoy_config_route_v3_HeaderMatcher)[];
}

export interface HttpHeadersMatch__Output {
  'headers'?: (_envoy_config_route_v3_HeaderMatcher__Output)[];
}
