
export interface JwtClaimToHeader {
  'header_name'?: (string);
  'claim_name'?: (string);
}

export interface JwtClaimToHeader__Output {
  'header_name'?: (string);
  'claim_name'?: (string);
}
