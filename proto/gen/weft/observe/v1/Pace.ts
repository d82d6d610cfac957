
export interface Pace {
  'interval_ms'?: (number);
}

export interface Pace__Output {
  'interval_ms'?: (number);
}
