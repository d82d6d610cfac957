
export interface UriTemplateMatchConfig {
  'path_template'?: (string);
}

export interface UriTemplateMatchConfig__Output {
  'path_template'?: (string);
}
