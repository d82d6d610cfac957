
export interface TrustBundle {
  'name'?: (string);
  'roots'?: (string);
  'issuer'?: (string);
  'federated'?: ({[key: string]: string});
}

export interface TrustBundle__Output {
  'name'?: (string);
  'roots'?: (string);
  'issuer'?: (string);
  'federated'?: ({[key: string]: string});
}
