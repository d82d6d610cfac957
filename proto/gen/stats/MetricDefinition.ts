
export interface MetricDefinition {
  'name'?: (string);
  'value'?: (string);
  'type'?: (number);
}

export interface MetricDefinition__Output {
  'name'?: (string);
  'value'?: (string);
  'type'?: (number);
}
