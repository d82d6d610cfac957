import type { BypassState } from '../../common/observe/mesh-state.js';
import type { Workload } from '../model/service.js';

type Named = Pick<Workload, 'namespace' | 'name' | 'workloadName'>;

/** Whose sidecars are plain pass-through, and how. */
export class Bypasses {
  constructor(private readonly all: readonly BypassState[]) {}

  get any(): boolean {
    return this.all.length > 0;
  }

  /** A workload's own counts before its namespace's. */
  of({ namespace, name, workloadName }: Named): BypassState | undefined {
    let found: BypassState | undefined;
    for (const one of this.all) {
      if (one.namespace !== namespace) continue;
      if (one.workload === undefined) found ??= one;
      else if (one.workload === name || one.workload === workloadName) return one;
    }
    return found;
  }
}

/** Those that have not ended by themselves. */
export function inForce(bypasses: readonly BypassState[], now: number): BypassState[] {
  return bypasses.filter(({ until }) => until === undefined || until > now);
}
