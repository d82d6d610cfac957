
export interface ProviderWithAudiences {
  'provider_name'?: (string);
  'audiences'?: (string)[];
}

export interface ProviderWithAudiences__Output {
  'provider_name'?: (string);
  'audiences'?: (string)[];
}
