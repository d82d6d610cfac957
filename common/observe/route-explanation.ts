/** What `GET /weft/explain` of a sidecar says: what its own route table makes of a request that its workload would send. */
export interface RouteExplanation {
  readonly listener: string;
  readonly table: string;
  readonly virtualHost: string;
  /** Name of the route, or its place in the virtual host; empty where none matches. */
  readonly route: string;
  /** What it asks of requests. */
  readonly matched: string;
  /** `/apis/networking.istio.io/…/virtual-service/NAME` where one made it. */
  readonly config: string;
  readonly action: 'forward' | 'redirect' | 'direct-response' | 'none';
  /** Of an answer that the sidecar gives itself. */
  readonly status?: number;
  readonly clusters: readonly ExplainedCluster[];
  /** ms; 0 is none. */
  readonly timeoutMs: number;
  readonly retries: number;
  readonly retryOn: readonly string[];
  readonly perTryTimeoutMs: number;
  readonly mirrors: readonly { readonly cluster: string; readonly percent: number }[];
  readonly fault?: ExplainedFault;
}

export interface ExplainedCluster {
  readonly name: string;
  /** Share of the requests, 0 to 100. */
  readonly percent: number;
  readonly hosts: readonly { readonly address: string; readonly healthy: boolean; readonly mtls: boolean }[];
}

export interface ExplainedFault {
  readonly delayMs?: number;
  readonly delayPercent?: number;
  readonly abort?: string;
  readonly abortPercent?: number;
}
