import {
  differenceOf,
  type EdgeReport,
  type EdgeResponse,
  type EdgeStats,
  edgeKey,
  type LatencyHistogram,
  latencyPercentile,
  mergeLatency,
} from '../../common/runtime/edge-report.js';
import { getJson } from '../mesh/http.js';
import { countFailures, isFailure } from './failures.js';
import type { FailureCounts, Hop } from './state.js';
import type { SidecarAdmin } from './workloads.js';

/** Rates and percentiles are over this many polls. */
const WINDOW = 5;
const UNKNOWN = 'unknown';
const OUTSIDE = 'outside';

/** What one end counted between two polls. */
interface Slice {
  requests: number;
  failed: number;
  latency: LatencyHistogram;
}

type Slices = { readonly [End in EdgeStats['reporter']]: Slice };

type Edges = ReadonlyMap<string, EdgeStats>;

const noSlices = (): Slices => ({
  source: { requests: 0, failed: 0, latency: mergeLatency([]) },
  destination: { requests: 0, failed: 0, latency: mergeLatency([]) },
});

interface HopRecord {
  readonly source: string;
  readonly destination: string;
  mtls: boolean;
  /** Whether some of the requests that reached it came without TLS. */
  plaintext: boolean;
  sourceIdentity: string;
  destinationIdentity: string;
  readonly counts: { source: Map<string, EdgeResponse>; destination: Map<string, EdgeResponse> };
  /** Newest last. */
  readonly slices: Slices[];
}

/** Joins what all sidecars report about the edges of the mesh into hops, poll by poll. */
export class HopTracker {
  private readonly records = new Map<string, HopRecord>();
  /** Last report of each sidecar, by its admin URL. */
  private readonly last = new Map<string, { readonly pid: number; readonly edges: Edges }>();
  /** Monotonic ms of the last polls, newest last. */
  private readonly polls: number[] = [];

  /** Traffic starts: the first rates count from here. */
  begin(now: number): void {
    this.polls.push(now);
  }

  /** Asks every sidecar; one that does not answer is left out this time. */
  async poll(admins: readonly SidecarAdmin[], now: number): Promise<void> {
    const reports = await Promise.all(
      admins.map(async (admin) => ({
        admin,
        report: await getJson<EdgeReport>(`${admin.url}/weft/edges`, 900).catch(() => undefined),
      })),
    );
    for (const record of this.records.values()) record.slices.push(noSlices());
    for (const { admin, report } of reports) if (report !== undefined) this.take(admin.url, report);
    this.polls.push(now);
    if (this.polls.length > WINDOW + 1) this.polls.shift();
    for (const record of this.records.values()) record.slices.splice(0, record.slices.length - WINDOW);
  }

  /**
   * What is shown and counted. On plaintext a server cannot tell who called: where a client's sidecar reports calls in
   * plaintext to the same workload, the server's anonymous ones are these.
   */
  private shown(): HopRecord[] {
    const records = [...this.records.values()];
    const named = new Set(
      records.filter((record) => record.plaintext && record.counts.source.size > 0).map((record) => record.destination),
    );
    return records.filter((record) => record.source !== OUTSIDE || !named.has(record.destination));
  }

  /** Requests on all hops since the start. */
  requests(): number {
    let sum = 0;
    for (const record of this.shown()) for (const response of counted(record)) sum += response.count;
    return sum;
  }

  failures(): FailureCounts {
    let [asked, unasked] = [0, 0];
    for (const record of this.shown()) {
      const counts = countFailures({
        source: [...record.counts.source.values()],
        destination: [...record.counts.destination.values()],
      });
      asked += counts.asked;
      unasked += counts.unasked;
    }
    return { asked, unasked };
  }

  current(): Hop[] {
    const [first = 0, ...later] = this.polls;
    const seconds = later.length === 0 ? 0 : ((later.at(-1) ?? first) - first) / 1000;
    return this.shown()
      .map((record) => hopOf(record, seconds))
      .sort((a, b) => order(a).localeCompare(order(b)));
  }

  private take(url: string, report: EdgeReport): void {
    const before = this.last.get(url);
    const earlier = before?.pid === report.pid ? before.edges : new Map<string, EdgeStats>();
    const edges = joined(report.edges);
    this.last.set(url, { pid: report.pid, edges });
    for (const [key, edge] of edges) {
      if (edge.protocol === 'tcp') continue;
      const news = differenceOf(edge, earlier.get(key));
      if (news.latency.count > 0) this.add(news);
    }
  }

  private add(edge: EdgeStats): void {
    const record = this.recordOf(edge);
    const counts = record.counts[edge.reporter];
    for (const response of edge.responses) {
      const key = `${response.code} ${response.flags} ${response.origin}`;
      counts.set(key, { ...response, count: response.count + (counts.get(key)?.count ?? 0) });
    }
    // A fault or an overflow is answered before there is a connection, and says nothing about security.
    if (edge.mtls || record.sourceIdentity === '') {
      record.mtls = edge.mtls;
      record.sourceIdentity = known(edge.source.principal);
      record.destinationIdentity = known(edge.destination.principal);
    }
    if (!edge.mtls && edge.destination.workload !== UNKNOWN) record.plaintext = true;
    const slice = record.slices.at(-1)?.[edge.reporter];
    if (slice === undefined) return;
    slice.requests += edge.latency.count;
    slice.failed += edge.responses.filter(isFailure).reduce((sum, response) => sum + response.count, 0);
    slice.latency = mergeLatency([slice.latency, edge.latency]);
  }

  private recordOf(edge: EdgeStats): HopRecord {
    const source = edge.source.workload === UNKNOWN ? OUTSIDE : edge.source.workload;
    const destination = edge.destination.workload === UNKNOWN ? edge.destination.service : edge.destination.workload;
    const key = `${edge.source.namespace}/${source} ${edge.destination.namespace}/${destination}`;
    let record = this.records.get(key);
    if (record === undefined) {
      record = {
        source,
        destination,
        mtls: false,
        plaintext: false,
        sourceIdentity: '',
        destinationIdentity: '',
        counts: { source: new Map(), destination: new Map() },
        slices: [noSlices()],
      };
      this.records.set(key, record);
    }
    return record;
  }
}

/** Edges by key. A sidecar may list one edge in several parts, one for each set of labels that it counts under. */
function joined(edges: readonly EdgeStats[]): Edges {
  const byKey = new Map<string, EdgeStats>();
  for (const edge of edges) {
    const key = edgeKey(edge);
    const part = byKey.get(key);
    byKey.set(key, part === undefined ? edge : sumOf(part, edge));
  }
  return byKey;
}

function sumOf(one: EdgeStats, other: EdgeStats): EdgeStats {
  const responses = new Map<string, EdgeResponse>();
  for (const response of [...one.responses, ...other.responses]) {
    const key = `${response.code} ${response.flags} ${response.origin}`;
    responses.set(key, { ...response, count: response.count + (responses.get(key)?.count ?? 0) });
  }
  return { ...one, responses: [...responses.values()], latency: mergeLatency([one.latency, other.latency]) };
}

/** The client's sidecar knows best; the server's counts where the client has none. */
function bestEnd(record: HopRecord): EdgeStats['reporter'] {
  return record.counts.source.size > 0 ? 'source' : 'destination';
}

function counted(record: HopRecord): EdgeResponse[] {
  return [...record.counts[bestEnd(record)].values()];
}

function hopOf(record: HopRecord, seconds: number): Hop {
  const slices = record.slices.map((both) => both[bestEnd(record)]);
  const requests = slices.reduce((sum, slice) => sum + slice.requests, 0);
  const failed = slices.reduce((sum, slice) => sum + slice.failed, 0);
  const latency = mergeLatency(slices.map((slice) => slice.latency));
  const byCode: Record<string, number> = {};
  for (const response of counted(record)) byCode[response.code] = (byCode[response.code] ?? 0) + response.count;
  return {
    source: record.source,
    destination: record.destination,
    requestsPerSecond: seconds > 0 ? requests / seconds : 0,
    successRate: requests > 0 ? 1 - failed / requests : undefined,
    p50: latencyPercentile(latency, 0.5),
    p99: latencyPercentile(latency, 0.99),
    mtls: record.mtls,
    sourceIdentity: record.sourceIdentity,
    destinationIdentity: record.destinationIdentity,
    byCode,
  };
}

const known = (principal: string): string => (principal === UNKNOWN ? '' : principal);

/** Along the way of a request: the traffic source first. */
function order(hop: Hop): string {
  const rank =
    hop.source === 'traffic' || hop.source === OUTSIDE ? '0' : hop.source.startsWith('productpage') ? '1' : '2';
  return `${rank} ${hop.source} ${hop.destination}`;
}
