import type { PatchContext } from '../../api/kinds/envoy-filter.js';
import type { EnvoyPatch, PatchSet } from '../../model/envoy-filters.js';

/** What patches are matched with besides the message itself. */
export interface Patching {
  readonly set: PatchSet;
  /** The application port that a listener of a sidecar with ports of its own stands for. */
  applicationPort(listener: string): number | undefined;
  /** Hosts of the services that an application port of this workload serves. */
  servedAt(port: number): readonly string[];
}

export function contextOf({ set }: Pick<Patching, 'set'>, inbound: boolean): PatchContext {
  if (set.role === 'router') return 'GATEWAY';
  return inbound ? 'SIDECAR_INBOUND' : 'SIDECAR_OUTBOUND';
}

/** The patches of one kind that are for a context. */
export function patchesFor(
  { set }: Pick<Patching, 'set'>,
  applyTo: EnvoyPatch['applyTo'],
  context: PatchContext,
): readonly EnvoyPatch[] {
  const all = set.patches.get(applyTo) ?? [];
  return all.filter(({ match }) => (match.context ?? 'ANY') === 'ANY' || match.context === context);
}

/** An empty or absent wish is met by anything. */
export function meets<T>(wanted: T | undefined, actual: T | undefined): boolean {
  return wanted === undefined || (wanted as unknown) === '' || wanted === actual;
}
