
export interface MetricConfig {
  'dimensions'?: ({[key: string]: string});
  'name'?: (string);
  'tags_to_remove'?: (string)[];
  'match'?: (string);
  'drop'?: (boolean);
}

export interface MetricConfig__Output {
  'dimensions'?: ({[key: string]: string});
  'name'?: (string);
  'tags_to_remove'?: (string)[];
  'match'?: (string);
  'drop'?: (boolean);
}
