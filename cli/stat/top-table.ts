import { isError } from '../../common/observe/golden.js';
import type { Tapped } from './tap-mesh.js';

/** Requests of one kind. */
export interface TopRow {
  readonly source: string;
  readonly destination: string;
  readonly method: string;
  readonly path: string;
  readonly count: number;
  readonly failed: number;
  readonly bestMs: number;
  readonly worstMs: number;
  readonly lastMs: number;
  /** ms since the epoch. */
  readonly last: number;
}

const MAX_ROWS = 2000;

/** Sums up live requests by who calls whom for what. */
export class TopTable {
  /** Requests that sidecars did not show. */
  skipped = 0;
  private readonly byKind = new Map<string, TopRow>();

  add(request: Tapped): void {
    const { source, destination, service, protocol, time: last, durationMs: lastMs } = request;
    const kind = {
      source: source.workload,
      destination: destination.workload === 'unknown' ? service || 'unknown' : destination.workload,
      method: protocol === 'tcp' ? 'TCP' : request.method,
      path: request.path,
    };
    const key = JSON.stringify(kind);
    const known = this.byKind.get(key);
    if (known === undefined && this.byKind.size >= MAX_ROWS) {
      this.skipped++;
      return;
    }
    this.byKind.set(key, {
      ...kind,
      count: (known?.count ?? 0) + 1,
      failed: (known?.failed ?? 0) + (failed(request) ? 1 : 0),
      bestMs: Math.min(known?.bestMs ?? lastMs, lastMs),
      worstMs: Math.max(known?.worstMs ?? lastMs, lastMs),
      lastMs,
      last,
    });
  }

  rows(by: 'count' | 'last' | 'worst' | 'failed'): TopRow[] {
    const value = {
      count: (row: TopRow) => row.count,
      last: (row: TopRow) => row.last,
      worst: (row: TopRow) => row.worstMs,
      failed: (row: TopRow) => row.failed,
    }[by];
    return [...this.byKind.values()].sort((a, b) => value(b) - value(a));
  }
}

function failed({ status: code, flags, grpcStatus, protocol }: Tapped): boolean {
  return isError(
    { code, flags, origin: 'upstream', count: 1, ...(grpcStatus !== undefined && { grpcStatus }) },
    protocol,
  );
}
