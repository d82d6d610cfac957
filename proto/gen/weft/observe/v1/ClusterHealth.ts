
export interface ClusterHealth {
  'name'?: (string);
  'hosts'?: (number);
  'healthy'?: (number);
  'ejected'?: (number);
}

export interface ClusterHealth__Output {
  'name'?: (string);
  'hosts'?: (number);
  'healthy'?: (number);
  'ejected'?: (number);
}
