
export interface PerRouteConfig {
  'host_rewrite_literal'?: (string);
  'host_rewrite_header'?: (string);
  'host_rewrite_specifier'?: "host_rewrite_literal"|"host_rewrite_header";
}

export interface PerRouteConfig__Output {
  'host_rewrite_literal'?: (string);
  'host_rewrite_header'?: (string);
}
