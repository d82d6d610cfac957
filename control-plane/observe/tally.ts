import {
  type EdgeResponse,
  type EdgeStats,
  type EdgeTraffic,
  type LatencyHistogram,
  NO_TRAFFIC,
} from '../../common/runtime/edge-report.js';

/** What can be told apart about responses, as small numbers; shared by all edges of a store. */
export class ResponseKinds {
  private readonly ids = new Map<string, number>();
  private readonly kinds: Omit<EdgeResponse, 'count'>[] = [];

  idOf({ code, flags, origin, grpcStatus }: EdgeResponse): number {
    const key = `${code} ${flags} ${origin} ${grpcStatus ?? ''}`;
    let id = this.ids.get(key);
    if (id === undefined) {
      if (this.kinds.length >= MAX_KINDS) return this.idOf({ code, flags: '-', origin: 'upstream', count: 0 });
      id = this.kinds.length;
      this.ids.set(key, id);
      this.kinds.push({ code, flags, origin, ...(grpcStatus !== undefined && { grpcStatus }) });
    }
    return id;
  }

  response(id: number, count: number): EdgeResponse {
    return { ...(this.kinds[id] ?? { code: 0, flags: '-', origin: 'upstream' as const }), count };
  }
}

/** Proxies say which flags they saw; more combinations than this are not told apart. */
const MAX_KINDS = 8192;

/** Sums of what happened on one edge in some time. */
export class Tally {
  readonly responses = new Map<number, number>();
  readonly buckets = new Map<number, number>();
  count = 0;
  latencySumMs = 0;
  sentBytes = 0;
  receivedBytes = 0;
  opened = 0;
  closed = 0;

  addDifference({ responses, latency, traffic = NO_TRAFFIC }: EdgeStats, kinds: ResponseKinds): void {
    for (const response of responses) add(this.responses, kinds.idOf(response), response.count);
    for (const [index, count] of latency.buckets) add(this.buckets, index, count);
    this.count += latency.count;
    this.latencySumMs += latency.sumMs;
    this.sentBytes += traffic.sentBytes;
    this.receivedBytes += traffic.receivedBytes;
    this.opened += traffic.opened;
    this.closed += traffic.closed;
  }

  get empty(): boolean {
    return (
      this.count === 0 && this.opened === 0 && this.closed === 0 && this.sentBytes === 0 && this.receivedBytes === 0
    );
  }

  /** The numbers in a fixed order, for a {@link NumberLog}. */
  *numbers(): Iterable<number> {
    yield this.responses.size;
    for (const pair of this.responses) yield* pair;
    yield this.buckets.size;
    let last = 0;
    // Neighbours are near: their distance fits a byte.
    for (const [index, count] of [...this.buckets].sort((a, b) => a[0] - b[0])) {
      yield index - last;
      yield count;
      last = index;
    }
    yield* [Math.round(this.latencySumMs), this.sentBytes, this.receivedBytes, this.opened, this.closed];
  }

  /** Adds what {@link numbers} gave. */
  addNumbers(next: () => number): void {
    for (let left = next(); left > 0; left--) add(this.responses, next(), next());
    let index = 0;
    for (let left = next(); left > 0; left--) {
      index += next();
      const count = next();
      add(this.buckets, index, count);
      this.count += count;
    }
    this.latencySumMs += next();
    this.sentBytes += next();
    this.receivedBytes += next();
    this.opened += next();
    this.closed += next();
  }

  addAll(other: Tally): void {
    for (const [id, count] of other.responses) add(this.responses, id, count);
    for (const [index, count] of other.buckets) add(this.buckets, index, count);
    this.count += other.count;
    this.latencySumMs += other.latencySumMs;
    this.sentBytes += other.sentBytes;
    this.receivedBytes += other.receivedBytes;
    this.opened += other.opened;
    this.closed += other.closed;
  }

  /** Adds parts of this to others, by weights that add up to 1: whole numbers that add up to the whole. */
  spread(into: readonly Tally[], weights: readonly number[]): void {
    const split = (count: number, turn: number, give: (tally: Tally, part: number) => void): number => {
      const parts = weights.map((weight) => Math.floor(count * weight));
      let left = count - parts.reduce((sum, part) => sum + part, 0);
      // What is left over goes round, from one number to the next: else the single ones would all meet in one step.
      let next = turn;
      for (; left > 0; left--, next++) {
        const index = next % parts.length;
        parts[index] = (parts[index] ?? 0) + 1;
      }
      for (const [index, tally] of into.entries()) give(tally, parts[index] ?? 0);
      return next;
    };
    let turn = 0;
    for (const [id, count] of this.responses) turn = split(count, turn, (to, part) => add(to.responses, id, part));
    turn = 0;
    for (const [bucket, count] of this.buckets) {
      turn = split(count, turn, (to, part) => {
        add(to.buckets, bucket, part);
        to.count += part;
      });
    }
    for (const field of ['sentBytes', 'receivedBytes', 'opened', 'closed'] as const) {
      split(this[field], 0, (to, part) => {
        to[field] += part;
      });
    }
    for (const [index, tally] of into.entries()) tally.latencySumMs += this.latencySumMs * (weights[index] ?? 0);
  }

  /** `open`: connections at the end. */
  result(
    kinds: ResponseKinds,
    open: number,
  ): {
    readonly responses: readonly EdgeResponse[];
    readonly latency: LatencyHistogram;
    readonly traffic: EdgeTraffic;
  } {
    const { count, latencySumMs: sumMs, sentBytes, receivedBytes, opened, closed } = this;
    return {
      responses: [...this.responses].map(([id, times]) => kinds.response(id, times)),
      latency: { count, sumMs, buckets: [...this.buckets] },
      traffic: { sentBytes, receivedBytes, opened, closed, open },
    };
  }
}

function add(map: Map<number, number>, key: number, count: number): void {
  if (count === 0) return;
  map.set(key, (map.get(key) ?? 0) + count);
}
