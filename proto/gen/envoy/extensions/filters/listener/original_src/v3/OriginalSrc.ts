
export interface OriginalSrc {
  'bind_port'?: (boolean);
  'mark'?: (number);
}

export interface OriginalSrc__Output {
  'bind_port'?: (boolean);
  'mark'?: (number);
}
