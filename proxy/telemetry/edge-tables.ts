import type { StreamInfo, WorkloadInfo } from '../http/stream-info.js';
import type { Edge, Protocol, Reporter } from './edge.js';
import { type EdgeLimit, EdgeTable } from './edge-table.js';
import type { FormatContext } from './format.js';
import type { MetricsShape } from './metrics-shape.js';

/** More combinations of values of tags than this are counted as unknown. */
const MAX_COMBINATIONS = 500;

function find(table: EdgeTable, info: StreamInfo, protocol: Protocol, hostFallback: boolean): Edge {
  return table.reporter === 'source'
    ? table.find(info, protocol, info.upstreamPeer, hostFallback ? info.authority : '')
    : table.find(info, protocol, info.connection.peer, '');
}

/** The edges of one direction whose metrics have one shape. */
export class ShapedEdges {
  /** By the values of the shape's expressions; one entry where there are none. */
  private readonly tables = new Map<string, EdgeTable>();
  private readonly plain: EdgeTable;

  constructor(
    readonly reporter: Reporter,
    readonly shape: MetricsShape | undefined,
    private readonly local: WorkloadInfo,
    private readonly limit: EdgeLimit,
  ) {
    this.plain = new EdgeTable(reporter, local, limit);
    this.tables.set('', this.plain);
  }

  /** The edge of a request; `hostFallback` lets the Host name an outbound service that no cluster does. */
  edge(context: FormatContext, protocol: Protocol, hostFallback: boolean): Edge {
    const values = this.shape?.values;
    const table = values === undefined ? this.plain : this.tableOf(values(context));
    return find(table, context.info, protocol, hostFallback);
  }

  /** The same where the shape has no expressions. */
  plainEdge(info: StreamInfo, protocol: Protocol, hostFallback: boolean): Edge {
    return find(this.plain, info, protocol, hostFallback);
  }

  /** The tables, each with the values of its tags. */
  all(): Iterable<EdgeTable> {
    return this.tables.values();
  }

  /** Drops edges on which nothing has happened for so long; ms. */
  sweep(now: number, idleMs: number): void {
    for (const [key, table] of this.tables) {
      table.sweep(now, idleMs);
      if (key !== '' && table.size === 0) this.tables.delete(key);
    }
  }

  private tableOf(values: readonly string[]): EdgeTable {
    const key = `=${values.join('\u0000')}`;
    let table = this.tables.get(key);
    if (table === undefined) {
      if (this.tables.size >= MAX_COMBINATIONS) {
        this.limit.overflowed++;
        return this.plain;
      }
      table = new EdgeTable(this.reporter, this.local, this.limit, values);
      this.tables.set(key, table);
    }
    return table;
  }
}
