
export interface Question {
  'id'?: (number);
  'path'?: (string);
}

export interface Question__Output {
  'id'?: (number);
  'path'?: (string);
}
