
export interface AnswerPart {
  'id'?: (number);
  'status'?: (number);
  'data'?: (Buffer | Uint8Array | string);
  'last'?: (boolean);
}

export interface AnswerPart__Output {
  'id'?: (number);
  'status'?: (number);
  'data'?: (Buffer);
  'last'?: (boolean);
}
