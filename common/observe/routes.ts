import type { EdgeStats } from '../runtime/edge-report.js';
import type { EdgeProtocol, Golden } from './graph.js';

/** What `GET /weft/routes` of a sidecar answers: what its workload sent by each route while it was asked. */
export interface RouteCounts {
  readonly routes: readonly { readonly route: string; readonly edges: readonly EdgeStats[] }[];
}

/** What `GET /api/routes` answers: what clients sent by each of their routes, from the question on. */
export interface RouteStats {
  /** For how long was counted. */
  readonly windowMs: number;
  readonly routes: readonly RouteStat[];
  readonly notes: readonly string[];
}

export interface RouteStat {
  /** Its name in the VirtualService, or what it takes there (`reviews.default /ratings*`); empty where no route was found. */
  readonly route: string;
  /** Ids of nodes: the client whose routes these are, and the service that it called. */
  readonly source: string;
  readonly service: string;
  /** Ids of the workloads that got it. */
  readonly destinations: readonly string[];
  readonly protocol: EdgeProtocol;
  readonly golden: Golden;
}
