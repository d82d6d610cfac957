/** An object of the configuration, wherever it is named. */
export interface ObjectName {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** What `GET /api/object?kind=…&namespace=…&name=…` answers. */
export interface ObjectText extends ObjectName {
  readonly apiVersion: string;
  /** Where it was read from, `routes.yaml:6`; absent in a cluster. */
  readonly place?: string;
  readonly yaml: string;
  readonly findings: readonly ObjectFinding[];
}

export interface ObjectFinding {
  readonly code: string;
  readonly level: 'error' | 'warning' | 'info';
  readonly field: string;
  readonly message: string;
  /** 1-based line of the text above; absent when it is about the whole object. */
  readonly line?: number;
}
