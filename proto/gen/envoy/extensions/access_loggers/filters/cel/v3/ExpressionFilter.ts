
export interface ExpressionFilter {
  'expression'?: (string);
}

export interface ExpressionFilter__Output {
  'expression'?: (string);
}
