import type { EdgeNames } from '../../common/observe/wire.js';
import type { Clock } from '../../common/runtime/clock.js';
import { type EdgeStats, edgeKey } from '../../common/runtime/edge-report.js';
import { EdgeRecord, stepAt, TIERS } from './edge-record.js';
import type { EdgeHistory, Told, Window } from './history.js';
import { ResponseKinds, Tally } from './tally.js';

/** What an edge costs besides its numbers, bytes: names, maps and buffers (measured). */
const OVERHEAD = 3500;
const BYTES_PER_100_WORKLOADS = 10 * 1024 * 1024;
const FINEST_MS = TIERS[0]?.stepMs ?? 2000;
const HOUR_MS = 3_600_000;

interface Entry {
  readonly names: EdgeNames;
  readonly record: EdgeRecord;
}

/**
 * The last hour of all edges, from the samples of sidecars. It holds 10 MB for each 100 workloads: beyond that new edges are
 * not taken until old ones are forgotten.
 */
export class EdgeStore implements EdgeHistory {
  readonly source = 'samples';
  private readonly edges = new Map<string, Entry>();
  private readonly kinds = new ResponseKinds();
  private readonly started: number;
  private numbers = 0;
  private forgotten = 0;
  /** Samples of edges that there was no room for. */
  private refused = 0;

  /**
   * @param workloads how many instances there are
   * @param lagMs how long it takes at most until all have told what happens now
   */
  constructor(
    private readonly clock: Clock,
    private readonly workloads: () => number,
    private readonly lagMs: () => number,
  ) {
    this.started = clock.now();
    this.forgotten = this.started;
  }

  /** What a proxy counted on an edge in so many ms until now. */
  add(proxy: string, edge: EdgeStats, intervalMs: number): void {
    const now = this.clock.now();
    this.tidy(now);
    const entry = this.entry(edge);
    if (entry === undefined) {
      this.refused++;
      return;
    }
    const difference = new Tally();
    difference.addDifference(edge, this.kinds);
    entry.record.add(difference, now - intervalMs, now);
    const open = edge.traffic?.open ?? 0;
    if (open > 0) entry.record.open.set(proxy, open);
    else entry.record.open.delete(proxy);
  }

  /** A proxy is gone, and its connections with it. */
  gone(proxy: string): void {
    for (const { record } of this.edges.values()) record.open.delete(proxy);
  }

  get size(): { readonly edges: number; readonly bytes: number; readonly limit: number } {
    return { edges: this.edges.size, bytes: this.bytes(), limit: this.limit() };
  }

  oldest(): number {
    return Math.max(this.started, this.clock.now() - HOUR_MS);
  }

  /** Steps that still fill would show rates that are too low. */
  latest(): number {
    return Math.floor((this.clock.now() - this.lagMs()) / FINEST_MS) * FINEST_MS;
  }

  stepOf({ from }: Window): number {
    return stepAt(from, this.clock.now());
  }

  sums({ from, to }: Window): Promise<Told<readonly EdgeStats[]>> {
    const now = this.clock.now();
    const value: EdgeStats[] = [];
    for (const { names, record } of this.edges.values()) {
      const tally = new Tally();
      record.collect(from, to, now, () => tally);
      const open = record.openConnections;
      if (!tally.empty || open > 0) value.push({ ...names, ...tally.result(this.kinds, open) });
    }
    return Promise.resolve({ value, notes: this.notes() });
  }

  steps({ from, to }: Window, stepMs: number): Promise<Told<readonly (readonly EdgeStats[])[]>> {
    const now = this.clock.now();
    const value: EdgeStats[][] = Array.from({ length: Math.max(0, Math.ceil((to - from) / stepMs)) }, () => []);
    for (const { names, record } of this.edges.values()) {
      const tallies = new Map<number, Tally>();
      record.collect(from, to, now, (time) => {
        const index = Math.floor((time - from) / stepMs);
        let tally = tallies.get(index);
        if (tally === undefined) {
          tally = new Tally();
          tallies.set(index, tally);
        }
        return tally;
      });
      for (const [index, tally] of tallies) value[index]?.push({ ...names, ...tally.result(this.kinds, 0) });
    }
    return Promise.resolve({ value, notes: this.notes() });
  }

  private entry(edge: EdgeStats): Entry | undefined {
    const key = edgeKey(edge);
    let entry = this.edges.get(key);
    if (entry === undefined) {
      if (this.bytes() + OVERHEAD > this.limit()) return undefined;
      const { reporter, protocol, source, destination, mtls } = edge;
      entry = { names: { reporter, protocol, source, destination, mtls }, record: new EdgeRecord() };
      this.edges.set(key, entry);
    }
    return entry;
  }

  private bytes(): number {
    return this.numbers + this.edges.size * OVERHEAD;
  }

  private limit(): number {
    return BYTES_PER_100_WORKLOADS * Math.max(1, Math.ceil(this.workloads() / 100));
  }

  /** Once a minute: what is too old goes, and what is left is measured. */
  private tidy(now: number): void {
    if (now - this.forgotten < 60_000) return;
    this.forgotten = now;
    this.numbers = 0;
    for (const [key, { record }] of this.edges) {
      record.forget(now);
      if (record.empty) this.edges.delete(key);
      else this.numbers += record.size;
    }
  }

  private notes(): string[] {
    if (this.refused === 0) return [];
    return [
      `${this.refused} samples of new edges did not fit into memory (${this.limit() / 1048576} MB) and are missing`,
    ];
  }
}
