/** What `GET /weft/explain` of a proxy says: what its own listeners and routes make of a request that its workload, or a gateway's client, would send. */
export interface RouteExplanation {
  readonly listener: string;
  /** Where the kernel leads the connection first, and what it asks for. */
  readonly captured?: { readonly listener: string; readonly destination: string };
  /** The filter chain; empty where the listener has none for it, and closes the connection. */
  readonly chain: string;
  /** What it is chosen by. */
  readonly chainMatch: string;
  /** Why the chain has nothing to do with such a connection. */
  readonly refusal?: string;
  /** How the listener ends its client's TLS. */
  readonly tls?: ExplainedTls;
  /** Of a gateway: what its own policies say. */
  readonly decision?: ExplainedDecision;
  /** `tcp`: it is relayed as it is, without a look at requests. */
  readonly protocol: 'http' | 'tcp';
  /** Empty for tcp. */
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
  /** To hosts that do not take the mesh's mTLS. */
  readonly tls?: ExplainedTls;
  readonly hosts: readonly { readonly address: string; readonly healthy: boolean; readonly mtls: boolean }[];
}

export interface ExplainedTls {
  readonly mode: 'SIMPLE' | 'MUTUAL' | 'ISTIO_MUTUAL';
  /** What is asked for as a client; empty as a server. */
  readonly serverName: string;
  readonly certificates: readonly ExplainedCertificate[];
}

export interface ExplainedCertificate {
  readonly secret: string;
  readonly names: readonly string[];
  /** ms since the epoch; absent while the proxy does not have it. */
  readonly notAfter?: number;
}

/** What the policies of one port say. */
export interface ExplainedDecision {
  readonly port: number;
  readonly secured: 'mTLS' | 'plaintext';
  readonly decision: 'allowed' | 'denied' | 'asked';
  readonly action: string;
  /** `ns[shop]-policy[no-admin]-rule[0]`, or empty. */
  readonly policy: string;
  readonly because: string;
  readonly notes: readonly string[];
}

export interface ExplainedFault {
  readonly delayMs?: number;
  readonly delayPercent?: number;
  readonly abort?: string;
  readonly abortPercent?: number;
}
