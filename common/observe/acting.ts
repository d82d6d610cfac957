/** An object of the configuration, wherever it is named. */
export interface ObjectName {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** What `GET /api/acting?node=ID|edge=ID` answers: the configuration that decides what happens there, in the order in which it acts. */
export interface Acting {
  readonly objects: readonly ActingObject[];
  readonly notes: readonly string[];
}

export interface ActingObject extends ObjectName {
  /** What it does there, in a few words: `routes requests to reviews`, `applies to every workload of the namespace`. */
  readonly effect: string;
  /** What `weft analyze` says about it. */
  readonly errors: number;
  readonly warnings: number;
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
