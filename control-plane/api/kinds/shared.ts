/** A length of time as Go writes it, `1.5s`, `100ms`, `1h30m`; `parseDuration` gives milliseconds. */
export type Duration = string;

/** Exactly one of the three; a regex has RE2's syntax and must match the whole value. An empty `prefix`/`regex` was refused. */
export interface StringMatch {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

/** Istio type.v1beta1.WorkloadSelector: every label must be there with this value; empty selects all. */
export interface MatchLabelsSelector {
  readonly matchLabels?: Labels;
}

/** networking.v1alpha3.WorkloadSelector, of ServiceEntry and Sidecar. */
export interface LabelsSelector {
  readonly labels?: Labels;
}

export type Labels = Readonly<Record<string, string>>;

export interface PortSelector {
  readonly number?: number;
}

/** Percent in 0 … 100, fractions allowed. */
export interface Percent {
  readonly value?: number;
}

export interface PolicyTargetReference {
  readonly group?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** VirtualService's Destination: a host (short names resolve in the rule's namespace), a subset, a port. */
export interface Destination {
  readonly host: string;
  readonly subset?: string;
  readonly port?: PortSelector;
}
