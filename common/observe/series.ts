/**
 * What `GET /api/series?node=ID|edge=ID&window=…&at=…` answers: the golden signals over time. Plain columns of equal
 * length, as plots take them; a step without traffic has 0 requests and null latencies.
 */
export interface Series {
  /** Id of the node or edge. */
  readonly of: string;
  /** For a node: what it answered, or what it asked others. */
  readonly direction: 'inbound' | 'outbound';
  readonly stepMs: number;
  /** Start of each step, ms since the epoch, ascending. */
  readonly times: readonly number[];
  readonly requestsPerSecond: readonly number[];
  readonly errorsPerSecond: readonly number[];
  readonly p50Ms: readonly (number | null)[];
  readonly p95Ms: readonly (number | null)[];
  readonly p99Ms: readonly (number | null)[];
  readonly receivedBytesPerSecond: readonly number[];
  readonly sentBytesPerSecond: readonly number[];
  readonly connectionsOpenedPerSecond: readonly number[];
  /** Per second, by response code (`200`, `0` for none) and by response flag; only what occurred. */
  readonly codes: Readonly<Record<string, readonly number[]>>;
  readonly flags: Readonly<Record<string, readonly number[]>>;
  readonly source: 'samples' | 'prometheus';
  readonly notes: readonly string[];
}
