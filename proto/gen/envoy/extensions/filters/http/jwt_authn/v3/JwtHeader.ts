
export interface JwtHeader {
  'name'?: (string);
  'value_prefix'?: (string);
}

export interface JwtHeader__Output {
  'name'?: (string);
  'value_prefix'?: (string);
}
