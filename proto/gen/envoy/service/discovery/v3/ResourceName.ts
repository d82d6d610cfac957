
export interface ResourceName {
  'name'?: (string);
}

export interface ResourceName__Output {
  'name'?: (string);
}
