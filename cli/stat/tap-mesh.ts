import type { TappedRequest } from '../../common/observe/failure.js';
import type { MeshAccess } from '../mesh/access.js';
import { firstAnswer, pathWith } from './ask.js';

/** Conditions of `weft tap` and `weft top`. */
export interface TapFilters {
  readonly from?: string;
  readonly to?: string;
  readonly method?: string;
  readonly path?: string;
  readonly status?: string;
  readonly rate?: string;
  readonly for?: string;
}

export type Tapped = TappedRequest & { readonly proxy: string };

/** What comes besides requests. */
export interface TapRemark {
  readonly note?: string;
  readonly skipped?: number;
  readonly proxy?: string;
}

export function isTapped(line: Tapped | TapRemark): line is Tapped {
  return 'status' in line;
}

/** Who proves an identity has a sidecar that tells, though TCP does not say which. */
function isFromOutside({ source, mtls }: Tapped): boolean {
  return source.workload === 'unknown' && !mtls;
}

/**
 * Live requests of a node, or of the mesh where it is empty. A call that the sidecars of both sides see is shown once: as its
 * client's sidecar saw it, unless the node is asked for, whose own sidecar tells both what it is asked and what it asks.
 */
export async function tapMesh(
  mesh: MeshAccess,
  node: string,
  filters: TapFilters,
  signal: AbortSignal,
  onLine: (line: Tapped | TapRemark) => void,
): Promise<void> {
  const { from, to, method, path, status, rate, for: seconds } = filters;
  const query = { source: from, destination: to, method, path, status, rate, seconds };
  let rest = '';
  const take = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const told = JSON.parse(line) as Tapped | TapRemark;
      if (node !== '' || !isTapped(told) || told.reporter === 'source' || isFromOutside(told)) onLine(told);
    }
  };
  await firstAnswer(mesh, (replica) =>
    replica.stream(pathWith('/api/tap', { ...query, ...(node !== '' && { node }) }), take, signal),
  );
}
