/** A connected data plane, as its xDS node describes it and its token proves. */
export interface ProxyNode {
  /** `sidecar~127.0.0.1~reviews-v1.default~default.svc.cluster.local`. */
  readonly id: string;
  /** What it is there for, by the first part of its ID: beside a workload, or a gateway. */
  readonly role: 'sidecar' | 'router';
  /** IP addresses as it says itself, the main one first. */
  readonly addresses?: readonly string[];
  /** The WorkloadGroup by which it joins: its workload is there as long as it is connected. */
  readonly group?: string;
  /** Release of the proxy, where it says. */
  readonly version?: string;
  readonly namespace: string;
  readonly workload: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What else it says about itself (`ISTIO_VERSION`, ISTIO_META_… of its environment), as far as it is text. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** `region/zone/subzone` as the node says; an object that describes the workload goes first. */
  readonly locality?: string;
  /** It answers its workload's DNS queries (metadata DNS_CAPTURE), so that names may lead to addresses that the mesh made up. */
  readonly dnsCapture?: boolean;
  /** `weft` understands our own filters (istio.stats, peer metadata); `envoy` does not; `grpc` is a proxyless client. */
  readonly dataPlane: 'weft' | 'envoy' | 'grpc';
}
