/**
 * Ports of a sidecar where nothing captures its packets (a folder source): every application port gets a port of the
 * sidecar's own, which is what the mesh knows as the workload's endpoint.
 */
export interface SidecarPorts {
  /** Workload `namespace/name`. */
  readonly workload: string;
  readonly address: string;
  /** Application port → the sidecar's inbound port. */
  readonly inbound: ReadonlyMap<number, number>;
  /** Where the application finds its HTTP proxy. */
  readonly outbound: number;
  readonly admin: number;
  /** Inbound ports on which the sidecar has never listened so far: they are not advertised. */
  readonly heldBack?: ReadonlySet<number>;
}

/** Keyed by `namespace/name`. A workload without an entry has no sidecar. */
export type Allotments = ReadonlyMap<string, SidecarPorts>;
