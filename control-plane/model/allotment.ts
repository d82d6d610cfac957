/**
 * Ports of a sidecar where nothing captures its packets (a folder source): every application port gets a port of the
 * sidecar's own, which is what the mesh knows as the workload's endpoint.
 */
export interface SidecarPorts {
  readonly kind: 'ports';
  /** Workload `namespace/name`. */
  readonly workload: string;
  readonly address: string;
  /** Application port → the sidecar's inbound port. */
  readonly inbound: ReadonlyMap<number, number>;
  /** Where the application finds its HTTP proxy. */
  readonly outbound: number;
  /** It stands alone, and serves Gateways. */
  readonly gateway?: boolean;
  readonly admin: number;
  /** Inbound ports on which the sidecar has never listened so far: they are not advertised. */
  readonly heldBack?: ReadonlySet<number>;
}

/** How packets come to a captured sidecar: with the destination in the conntrack entry, or as their own. */
export type Interception = 'REDIRECT' | 'TPROXY' | 'NONE';

/** A sidecar in a pod: its packets are captured (outbound on 15001, inbound on 15006), its endpoints are the pod's own. */
export interface CapturingSidecar {
  readonly kind: 'capture';
  readonly interception: Interception;
  /** Ports of the pod that are led to the sidecar; all when undefined. */
  readonly included?: ReadonlySet<number>;
  /** Ports of the pod at which clients meet the application, or a side port of the proxy, itself. */
  readonly excluded?: ReadonlySet<number>;
}

/** Whether a sidecar gets its workload's connections without being asked: not in a pod that refused interception. */
export function captures(sidecar: Sidecar | undefined): boolean {
  return sidecar?.kind === 'capture' && sidecar.interception !== 'NONE';
}

/** Whether connections to a port of the pod come to its sidecar. */
export function capturesPort(sidecar: Sidecar | undefined, port: number): boolean {
  if (sidecar?.kind !== 'capture' || sidecar.interception === 'NONE') return false;
  return sidecar.included?.has(port) !== false && sidecar.excluded?.has(port) !== true;
}

export type Sidecar = SidecarPorts | CapturingSidecar;

/** Keyed by `namespace/name`. A workload without an entry has no sidecar. */
export type Allotments = ReadonlyMap<string, Sidecar>;

/** Where every sidecar has ports of its own. */
export type PortAllotments = ReadonlyMap<string, SidecarPorts>;

/** The ports of a sidecar that has some of its own; undefined for none and for one that captures. */
export function ownPorts(sidecar: Sidecar | undefined): SidecarPorts | undefined {
  return sidecar?.kind === 'ports' ? sidecar : undefined;
}
