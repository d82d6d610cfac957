/** What `GET /api/describe?node=ID` answers: what applies to a workload or a service, and why. */
export interface Description {
  /** Id of the node in the graph. */
  readonly node: string;
  readonly kind: 'workload' | 'service';
  readonly name: string;
  readonly namespace: string;
  /** What it is, in the order in which people ask. */
  readonly facts: readonly Fact[];
  /** Configuration that acts on it. */
  readonly objects: readonly AppliedObject[];
  /** What is wrong with the configuration that acts on it. */
  readonly findings: readonly DescribedFinding[];
  readonly notes: readonly string[];
}

export interface Fact {
  readonly name: string;
  readonly value: string;
}

export interface AppliedObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Where it stands, when it came from a file. */
  readonly file?: string;
  readonly line?: number;
  /** Why it applies: `selects app=reviews`, `all of namespace default`, `host reviews…`. */
  readonly why: string;
  /** What it does, a line for each part. */
  readonly effects: readonly string[];
}

export interface DescribedFinding {
  readonly code: string;
  readonly level: 'error' | 'warning' | 'info';
  readonly object: string;
  readonly file?: string;
  readonly line?: number;
  readonly message: string;
}
