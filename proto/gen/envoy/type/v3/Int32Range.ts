
export interface Int32Range {
  'start'?: (number);
  'end'?: (number);
}

export interface Int32Range__Output {
  'start'?: (number);
  'end'?: (number);
}
