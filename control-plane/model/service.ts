import type { ProxyConfig } from '../api/kinds/mesh-config.js';
import type { Sidecar } from './allotment.js';

/** What a port carries. `auto`: nothing says, so that the first bytes decide. */
export type Protocol = 'http' | 'http2' | 'grpc' | 'grpc-web' | 'tcp' | 'tls' | 'auto';

export interface ServicePort {
  readonly name: string;
  readonly number: number;
  /** Port on the workload when the workload does not say otherwise; a name refers to one of its ports. */
  readonly target: number | string;
  readonly protocol: Protocol;
}

/** How the endpoints of a service are found (ServiceEntry.resolution). `none` goes wherever the client wanted to. */
export type Resolution = 'static' | 'dns' | 'dns-round-robin' | 'none';

/** A host that clients know, with its ports. */
export interface Service {
  /** Fully qualified; `*.` in front for a wildcard ServiceEntry. */
  readonly host: string;
  readonly namespace: string;
  /** `reviews` of `reviews.default.svc.cluster.local`; the host itself for anything else. */
  readonly name: string;
  readonly ports: readonly ServicePort[];
  /** IP addresses by which clients call it: its cluster IPs, or ServiceEntry.addresses, which may be CIDR ranges. */
  readonly addresses: readonly string[];
  /** For clients that ask our DNS proxy, where nobody has named an address: one of each family, made of the host's name. */
  readonly automaticAddresses: readonly string[];
  /** Its name leads to the endpoints themselves (`clusterIP: None`): clients call them by their own addresses. */
  readonly headless: boolean;
  readonly resolution: Resolution;
  readonly external: boolean;
  /** Namespaces that see it; `*` is all of them. */
  readonly exportTo: ReadonlySet<string>;
  /** Identities that its endpoints may have besides those of their workloads (ServiceEntry.subjectAltNames). */
  readonly subjectAltNames: readonly string[];
  readonly endpoints: readonly Endpoint[];
  /** Where its clients are to look first (Kubernetes' trafficDistribution). */
  readonly trafficDistribution?: 'same-zone' | 'same-node';
  /** `ServiceEntry default/reviews`. */
  readonly object: string;
  readonly creationTimestamp: string;
}

/** One place where a service is served. */
export interface Endpoint {
  readonly workload: Workload;
  /** For endpoints that are written out in a ServiceEntry; 0 counts as 1. */
  readonly weight: number;
  readonly health: EndpointHealth;
  /** Application port by the service port's name, as EndpointSlices say; without it, targets are looked up. */
  readonly ports?: ReadonlyMap<string, number>;
  /** Its name below that of a headless service: `pod-0` of `pod-0.db.default.svc.cluster.local`. */
  readonly hostname?: string;
}

/** `unhealthy` is known, and gets no requests; `draining` keeps those that it has. */
export type EndpointHealth = 'healthy' | 'unhealthy' | 'draining';

/** Something that runs: a WorkloadEntry, a Pod, or an endpoint that a ServiceEntry lists. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
  /** What it is one of: the Deployment, StatefulSet, CronJob … of a pod; its own name for anything else. */
  readonly workloadName: string;
  /** IP address, host name for DNS services, or `unix://…`. */
  readonly address: string;
  /** Named ports of the application. */
  readonly ports: ReadonlyMap<string, number>;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** As it says itself; `Networks` knows more. */
  readonly network?: string;
  /** `region/zone/subzone`, or empty. */
  readonly locality: string;
  readonly weight: number;
  /** Set when it has a sidecar of ours. */
  readonly sidecar: Sidecar | undefined;
  /** False for an endpoint that has no object of its own. */
  readonly named: boolean;
  /** What its annotation says about its own proxy. */
  readonly proxyConfig?: ProxyConfig;
  /** Set for a pod. */
  readonly pod?: PodFacts;
}

export interface PodFacts {
  /** One of each family; the first is the workload's `address`. */
  readonly addresses: readonly string[];
  /** Takes requests: ready, and not about to end. */
  readonly ready: boolean;
  /** Its address is its node's, so that the address does not tell pods apart. */
  readonly hostNetwork: boolean;
  /** Its name below that of the headless service `subdomain`. */
  readonly hostname: string | undefined;
  readonly subdomain: string | undefined;
}

/** Istio's canonical name and revision of a workload. */
export function canonicalName(workload: Pick<Workload, 'labels' | 'workloadName'>): string {
  return (
    workload.labels['service.istio.io/canonical-name'] ??
    workload.labels['app.kubernetes.io/name'] ??
    workload.labels['app'] ??
    workload.workloadName
  );
}

export function canonicalRevision(workload: Pick<Workload, 'labels'>): string {
  return (
    workload.labels['service.istio.io/canonical-revision'] ??
    workload.labels['app.kubernetes.io/version'] ??
    workload.labels['version'] ??
    'latest'
  );
}

/** The application port of an endpoint for a service port (precedence as in Istio: by name, target, number). */
export function applicationPort(
  port: ServicePort,
  { workload, ports }: Pick<Endpoint, 'workload' | 'ports'>,
): number | undefined {
  if (ports !== undefined) return ports.get(port.name);
  if (typeof port.target === 'string') return workload.ports.get(port.target) ?? workload.ports.get(port.name);
  return workload.ports.get(port.name) ?? port.target;
}

export function isHttp(protocol: Protocol): boolean {
  return protocol === 'http' || isHttp2(protocol);
}

/** Whether the application is spoken to in HTTP/2; a browser's gRPC-Web becomes gRPC on the way. */
export function isHttp2(protocol: Protocol): boolean {
  return protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  http: 'http',
  http_proxy: 'http',
  http2: 'http2',
  'kubernetes.io/h2c': 'http2',
  grpc: 'grpc',
  'grpc-web': 'grpc-web',
  tcp: 'tcp',
  mongo: 'tcp',
  mysql: 'tcp',
  redis: 'tcp',
  tls: 'tls',
  https: 'tls',
};

const WELL_KNOWN_TCP: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

/** The protocol of a port from what is declared, or from its name (`http-web`), as Istio selects it. */
export function protocolOf(declared: string | undefined, name: string, number: number): Protocol {
  const known = declared === undefined ? undefined : PROTOCOLS[declared.toLowerCase()];
  if (known !== undefined && known !== 'tcp') return known;
  const lower = name.toLowerCase();
  const prefix = lower.startsWith('grpc-web') ? 'grpc-web' : (lower.split('-')[0] ?? '');
  const named = PROTOCOLS[prefix];
  if (declared === undefined || declared === '') return named ?? (WELL_KNOWN_TCP.has(number) ? 'tcp' : 'auto');
  return known ?? 'tcp';
}

/** What a Service's appProtocol may be besides the names of protocols. */
const APP_PROTOCOLS: Readonly<Record<string, string>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
};

/** The protocol of a Kubernetes Service's port: appProtocol, else the name; where they say nothing that is known, `auto`. */
export function coreProtocol(appProtocol: string | undefined, name: string, number: number): Protocol {
  return protocolOf(undefined, APP_PROTOCOLS[appProtocol ?? ''] ?? (appProtocol || name), number);
}
