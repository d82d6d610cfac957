/** What goes over a connection; `broken`: the server refuses what the client sends. */
export type Secured = 'mTLS' | 'TLS' | 'plaintext' | 'broken';

/** A client workload and a service port, as far as the same is true of its endpoints. */
export interface TlsPair {
  /** `NAME.NAMESPACE`. */
  readonly from: string;
  /** Host of the service. */
  readonly to: string;
  readonly port: number;
  /** A subset to which clients speak otherwise than to the rest. */
  readonly subset?: string;
  /** Workloads behind it, as `NAME.NAMESPACE`; empty for a service that has none, or leads outside. */
  readonly endpoints: readonly string[];
  readonly speaks: Secured;
  readonly because: string;
}

/** An answer of `/debug/tls`. */
export interface TlsPairs {
  readonly pairs: readonly TlsPair[];
}
