import type { MatchPredicate as _envoy_config_common_matcher_v3_MatchPredicate, MatchPredicate__Output as _envoy_config_common_matcher_v3_MatchPredicate__Output } from '../../../../../envoy/config/common/matcher/v3/MatchPredicate.js';
import type { HttpHeadersMatch as _envoy_config_common_matcher_v3_HttpHeadersMatch, HttpHeadersMatch__Output as _envoy_config_common_matcher_v3_HttpHeadersMatch__Output } from '../../../../../envoy/config/common/matcher/v3/HttpHeadersMatch.js';

export interface _envoy_config_common_matcher_v3_MatchPredicate_MatchSet {
  'rules'?: (_envoy_config_common_matcher_v3_MatchPredicate)[];
}

export interface _envoy_config_common_matcher_v3_MatchPredicate_MatchSet__Output {
  'rules'?: (_envoy_config_common_matcher_v3_MatchPredicate__Output)[];
}

export interface MatchPredicate {
  'or_match'?: (_envoy_config_common_matcher_v3_MatchPredicate_MatchSet | null);
  'and_match'?: (_envoy_config_common_matcher_v3_MatchPredicate_MatchSet | null);
  'not_match'?: (_envoy_config_common_matcher_v3_MatchPredicate | null);
  'any_match'?: (boolean);
  'http_request_headers_match'?: (_envoy_config_common_matcher_v3_HttpHeadersMatch | null);
  'http_request_trailers_match'?: (_envoy_config_common_matcher_v3_HttpHeadersMatch | null);
  'http_response_headers_match'?: (_envoy_config_common_matcher_v3_HttpHeadersMatch | null);
  'http_response_trailers_match'?: (_envoy_config_common_matcher_v3_HttpHeadersMatch | null);
  'rule'?: "or_match"|"and_match"|"not_match"|"any_match"|"http_request_headers_match"|"http_request_trailers_match"|"http_response_headers_match"|"http_response_trailers_match";
}

export interface MatchPredicate__Output {
  'or_match'?: (_envoy_config_common_matcher_v3_MatchPredicate_MatchSet__Output);
  'and_match'?: (_envoy_config_common_matcher_v3_MatchPredicate_MatchSet__Output);
  'not_match'?: (_envoy_config_common_matcher_v3_MatchPredicate__Output);
  'any_match'?: (boolean);
  'http_request_headers_match'?: (_envoy_config_common_matcher_v3_HttpHeadersMatch__Output);
  'http_request_trailers_match'?: (_envoy_config_common_matcher_v3_HttpHeadersMatch__Output);
  'http_response_headers_match'?: (_envoy_config_common_matcher_v3_HttpHeadersMatch__Output);
  'http_response_trailers_match'?: (_envoy_config_common_matcher_v3_HttpHeadersMatch__Output);
}
