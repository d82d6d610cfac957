import { encodeCounts, encodeDefinition } from '../../common/observe/wire.js';
import { differenceOf, type EdgeStats } from '../../common/runtime/edge-report.js';
import type { EdgeCounts } from '../../proto/gen/weft/observe/v1/EdgeCounts.js';
import type { EdgeDefinition } from '../../proto/gen/weft/observe/v1/EdgeDefinition.js';
import type { Edge } from '../telemetry/edge.js';
import { edgeNames } from '../telemetry/istio-metrics.js';

/** What changed since the sample before; edges that a stream has not heard of are defined first. */
export interface EdgeSample {
  readonly definitions: readonly EdgeDefinition[];
  readonly edges: readonly EdgeCounts[];
}

interface Known {
  readonly id: number;
  defined: boolean;
  activity: number;
  last: EdgeStats | undefined;
}

/** Turns what is counted on edges into differences. An edge on which nothing happened costs one comparison. */
export class EdgeSampler {
  private known = new WeakMap<Edge, Known>();
  private nextId = 1;

  constructor(private readonly edges: () => Iterable<Edge>) {}

  /** A new stream knows no definitions yet. Nothing that is counted is lost. */
  restart(): void {
    for (const edge of this.edges()) {
      const known = this.known.get(edge);
      if (known !== undefined) known.defined = false;
    }
  }

  /** Takes what is counted now as told: after a long silence nobody could say when it happened. */
  skip(): void {
    for (const edge of this.edges()) {
      const known = this.knownOf(edge);
      known.activity = edge.activity;
      known.last = edge.report(edgeNames);
    }
  }

  next(): EdgeSample {
    const definitions: EdgeDefinition[] = [];
    const edges: EdgeCounts[] = [];
    for (const edge of this.edges()) {
      const known = this.knownOf(edge);
      if (known.activity === edge.activity) continue;
      const report = edge.report(edgeNames);
      if (!known.defined) definitions.push(encodeDefinition(known.id, report));
      edges.push(encodeCounts(known.id, differenceOf(report, known.last)));
      known.defined = true;
      known.activity = edge.activity;
      known.last = report;
    }
    return { definitions, edges };
  }

  private knownOf(edge: Edge): Known {
    let known = this.known.get(edge);
    if (known === undefined) {
      known = { id: this.nextId++, defined: false, activity: 0, last: undefined };
      this.known.set(edge, known);
    }
    return known;
  }
}
