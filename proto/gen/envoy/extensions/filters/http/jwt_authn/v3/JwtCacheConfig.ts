
export interface JwtCacheConfig {
  'jwt_cache_size'?: (number);
  'jwt_max_token_size'?: (number);
}

export interface JwtCacheConfig__Output {
  'jwt_cache_size'?: (number);
  'jwt_max_token_size'?: (number);
}
