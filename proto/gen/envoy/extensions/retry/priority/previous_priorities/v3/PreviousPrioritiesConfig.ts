
export interface PreviousPrioritiesConfig {
  'update_frequency'?: (number);
}

export interface PreviousPrioritiesConfig__Output {
  'update_frequency'?: (number);
}
