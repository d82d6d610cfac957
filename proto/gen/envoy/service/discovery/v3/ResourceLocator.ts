
export interface ResourceLocator {
  'name'?: (string);
  'dynamic_parameters'?: ({[key: string]: string});
}

export interface ResourceLocator__Output {
  'name'?: (string);
  'dynamic_parameters'?: ({[key: string]: string});
}
