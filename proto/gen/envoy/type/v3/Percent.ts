
export interface Percent {
  'value'?: (number | string);
}

export interface Percent__Output {
  'value'?: (number | string);
}
