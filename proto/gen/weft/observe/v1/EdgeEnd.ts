
export interface EdgeEnd {
  'workload'?: (string);
  'namespace'?: (string);
  'principal'?: (string);
  'app'?: (string);
  'version'?: (string);
}

export interface EdgeEnd__Output {
  'workload'?: (string);
  'namespace'?: (string);
  'principal'?: (string);
  'app'?: (string);
  'version'?: (string);
}
