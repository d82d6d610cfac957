import type { Changes } from '../../../common/observe/changes.js';
import type { Description } from '../../../common/observe/describe.js';
import type { Explanation } from '../../../common/observe/explanation.js';
import type { Failures } from '../../../common/observe/failure.js';
import type { Golden, Graph, GraphEdge, GraphNode, ServiceNode, WorkloadNode } from '../../../common/observe/graph.js';
import type { ObjectText } from '../../../common/observe/object-text.js';
import type { Series } from '../../../common/observe/series.js';
import type { WorkloadDetails, Workloads } from '../../../common/observe/workload.js';

/** A mesh that is made up, as the control plane's API would tell of it. */
export interface Fixture {
  readonly graph: Graph;
  readonly workloads: Workloads;
}

export const NOW = Date.UTC(2026, 0, 15, 12, 0, 0);

export function golden(rate: number, errorShare = 0, p50 = 4): Golden {
  const requests = Math.round(rate * 60);
  return {
    requests,
    errors: Math.round(requests * errorShare),
    requestsPerSecond: rate,
    errorShare,
    ...(rate > 0 ? { p50Ms: p50, p95Ms: p50 * 2.6, p99Ms: p50 * 4.2 } : {}),
    receivedBytesPerSecond: rate * 120,
    sentBytesPerSecond: rate * 900,
    connectionsOpened: 0,
    connectionsClosed: 0,
    connectionsOpen: 0,
  };
}

export function workload(
  name: string,
  app: string,
  version: string,
  inbound: Golden,
  more: Partial<WorkloadNode> = {},
): WorkloadNode {
  const namespace = more.namespace ?? 'default';
  return {
    kind: 'workload',
    id: `workload/${namespace}/${name}`,
    name,
    namespace,
    app,
    version,
    services: [`service/${app}.${namespace}.svc.cluster.local`],
    meshed: true,
    gateway: false,
    instances: 1,
    connected: 1,
    observed: 1,
    proxyVersions: ['0.1.0'],
    sync: 'synced',
    inbound,
    ...more,
  };
}

export function service(
  name: string,
  workloads: readonly WorkloadNode[],
  inbound: Golden,
  namespace = 'default',
): ServiceNode {
  const host = `${name}.${namespace}.svc.cluster.local`;
  return {
    kind: 'service',
    id: `service/${host}`,
    host,
    name,
    namespace,
    external: false,
    workloads: workloads.map(({ id }) => id),
    inbound,
  };
}

export function edge(
  source: GraphNode,
  destination: GraphNode,
  to: ServiceNode,
  total: Golden,
  more: Partial<GraphEdge> = {},
): GraphEdge {
  const protocol = more.protocol ?? 'http';
  const account = (node: GraphNode): string =>
    node.kind === 'workload' ? `spiffe://cluster.local/ns/${node.namespace}/sa/bookinfo-${node.app}` : '';
  return {
    id: `${source.id}>${destination.id}>${to.host}>${protocol}`,
    source: source.id,
    destination: destination.id,
    service: to.id,
    protocol,
    reporter: 'source',
    golden: total,
    security: { kind: 'mtls', sourceIdentity: account(source), destinationIdentity: account(destination) },
    responses: [
      {
        code: 200,
        flags: '-',
        count: total.requests - total.errors,
        perSecond: total.requestsPerSecond * (1 - total.errorShare),
      },
      ...(total.errors > 0
        ? [{ code: 503, flags: 'UO', count: total.errors, perSecond: total.requestsPerSecond * total.errorShare }]
        : []),
    ],
    share: 1,
    hosts: 1,
    ejected: 0,
    overflowed: 0,
    faultInjected: 0,
    denied: 0,
    rateLimited: 0,
    ...more,
  };
}

/** Bookinfo with two things wrong: a circuit breaker before ratings, and a refused configuration of details. */
export function bookinfo(): Fixture {
  const traffic = workload('traffic', 'traffic', 'v1', golden(0), { services: [] });
  const productpage = workload('productpage-v1', 'productpage', 'v1', golden(24.2, 0.012, 14));
  const details = workload('details-v1', 'details', 'v1', golden(24.1, 0, 2), { sync: 'nacked' });
  const reviews = ['v1', 'v2', 'v3'].map((version, index) =>
    workload(
      `reviews-${version}`,
      'reviews',
      version,
      golden([20.6, 2.4, 1.1][index] ?? 0, index === 1 ? 0.02 : 0, 6 + index * 3),
    ),
  );
  const [v1, v2, v3] = reviews as [WorkloadNode, WorkloadNode, WorkloadNode];
  const ratings = workload('ratings-v1', 'ratings', 'v1', golden(3.5, 0.08, 3));
  const database = workload('ratings-db-v1', 'ratings-db', 'v1', {
    ...golden(0),
    receivedBytesPerSecond: 820,
    sentBytesPerSecond: 4100,
    connectionsOpen: 2,
    connectionsOpened: 1,
  });
  const services = {
    productpage: service('productpage', [productpage], productpage.inbound),
    details: service('details', [details], details.inbound),
    reviews: service('reviews', reviews, golden(24.1, 0.002, 7)),
    ratings: service('ratings', [ratings], ratings.inbound),
    database: service('ratings-db', [database], database.inbound),
  };
  const weather: ServiceNode = {
    ...service('weather', [], golden(0.4, 0, 88)),
    id: 'service/api.weather.example',
    host: 'api.weather.example',
    name: 'api.weather.example',
    external: true,
  };
  const edges = [
    edge(traffic, productpage, services.productpage, golden(24.2, 0.012, 16)),
    edge(productpage, details, services.details, golden(12, 0, 2.4)),
    edge(productpage, details, services.details, golden(12.1, 0, 2.1), { protocol: 'grpc' }),
    edge(productpage, v1, services.reviews, golden(20.6, 0, 6), { share: 0.855 }),
    edge(productpage, v2, services.reviews, golden(2.4, 0.02, 9), { share: 0.1, faultInjected: 0.02 }),
    edge(productpage, v3, services.reviews, golden(1.1, 0, 12), { share: 0.045 }),
    edge(v2, ratings, services.ratings, golden(2.4, 0.11, 3.4), { overflowed: 0.11, ejected: 1, hosts: 2 }),
    edge(v3, ratings, services.ratings, golden(1.1, 0, 3.1), {
      security: { kind: 'plaintext', sourceIdentity: '', destinationIdentity: '' },
    }),
    edge(ratings, database, services.database, database.inbound, { protocol: 'tcp', responses: [] }),
    edge(details, weather, weather, golden(0.4, 0, 88), {
      security: { kind: 'plaintext', sourceIdentity: '', destinationIdentity: '' },
    }),
  ];
  const nodes: GraphNode[] = [
    traffic,
    productpage,
    details,
    ...reviews,
    ratings,
    database,
    ...Object.values(services),
    weather,
  ];
  return {
    graph: {
      time: NOW,
      windowMs: 60_000,
      oldest: NOW - 3_600_000,
      source: 'samples',
      nodes,
      edges,
      splits: [
        {
          service: services.reviews.id,
          parts: reviews.map(({ id, version, inbound }) => ({
            workload: id,
            version,
            requestsPerSecond: inbound.requestsPerSecond,
            share: inbound.requestsPerSecond / 24.1,
          })),
        },
      ],
      notes: [],
    },
    workloads: instancesOf(nodes),
  };
}

/** `size` workloads in a few namespaces, each calling some that come later. */
export function large(size: number): Fixture {
  const namespaces = ['shop', 'payments', 'search', 'media', 'platform', 'data'];
  const workloads = Array.from({ length: size }, (_, index) =>
    workload(
      `service-${index}`,
      `service-${index}`,
      'v1',
      golden(1 + (index % 40), index % 23 === 5 ? 0.07 : 0, 3 + (index % 9)),
      {
        namespace: namespaces[index % namespaces.length] ?? 'default',
      },
    ),
  );
  const services = workloads.map((one) => service(one.app, [one], one.inbound, one.namespace));
  const edges = workloads.flatMap((source, index) =>
    [index * 2 + 1, index * 2 + 2, index + 37].flatMap((to, number) => {
      const [destination, host] = [workloads[to], services[to]];
      if (destination === undefined || host === undefined || (number === 2 && index % 3 !== 0)) return [];
      return [edge(source, destination, host, golden(1 + (to % 40), to % 23 === 5 ? 0.07 : 0, 3))];
    }),
  );
  const nodes = [...workloads, ...services];
  return {
    graph: {
      time: NOW,
      windowMs: 60_000,
      oldest: NOW - 3_600_000,
      source: 'samples',
      nodes,
      edges,
      splits: [],
      notes: [],
    },
    workloads: instancesOf(nodes),
  };
}

function instancesOf(nodes: readonly GraphNode[]): Workloads {
  const workloads = nodes.filter((node): node is WorkloadNode => node.kind === 'workload');
  return {
    workloads: workloads.map((node, index) => ({
      name: node.name,
      namespace: node.namespace,
      node: node.id,
      workload: node.name,
      app: node.app,
      version: node.version,
      address: `10.1.0.${(index % 250) + 1}`,
      serviceAccount: `bookinfo-${node.app}`,
      services: node.services.map((id) => id.replace('service/', '')),
      locality: 'eu-central-1/eu-central-1a',
      meshed: node.meshed,
      mtlsMode: 'strict',
      proxy: {
        id: `sidecar~10.1.0.${index}~${node.name}.${node.namespace}~${node.namespace}.svc.cluster.local`,
        dataPlane: 'weft',
        version: '0.1.0',
        connectedAt: new Date(NOW - 7_200_000).toISOString(),
        sync: { CDS: 'SYNCED', EDS: 'SYNCED', LDS: node.sync === 'nacked' ? 'NACKED' : 'SYNCED', RDS: 'SYNCED' },
        nacks:
          node.sync === 'nacked'
            ? [
                {
                  type: 'LDS',
                  resource: '0.0.0.0_9080',
                  reason: 'filter "envoy.filters.http.wasm" is not supported',
                  at: new Date(NOW - 900_000).toISOString(),
                },
              ]
            : [],
        observed: { lastSample: NOW, certificateNotAfter: NOW + 80_000_000, draining: false, troubledClusters: [] },
      },
    })),
    notes: [],
  };
}

export function details({ workloads }: Workloads, namespace: string, name: string): WorkloadDetails | undefined {
  const found = workloads.find((one) => one.namespace === namespace && one.name === name);
  if (found === undefined) return undefined;
  return {
    ...found,
    certificates: [
      {
        identity: `spiffe://cluster.local/ns/${namespace}/sa/${found.serviceAccount}`,
        serialNumber: '5c1f00aa93b04c1d88',
        notBefore: Date.now() - 3_600_000,
        notAfter: Date.now() + 82_800_000,
      },
    ],
    endpoints: ['ratings', 'reviews'].map((host, index) => ({
      cluster: `outbound|9080||${host}.default.svc.cluster.local`,
      address: `10.1.0.${40 + index}:9080`,
      healthy: index === 1,
      ejected: index === 0,
      flags: index === 0 ? ['failed_outlier_check'] : [],
      locality: 'eu-central-1/eu-central-1a',
      weight: 1,
      activeRequests: 0,
      totalRequests: 1200,
      errors: index === 0 ? 31 : 0,
    })),
    notes: [],
  };
}

export function series(of: string, rate: number, errorShare: number, windowMs: number): Series {
  const steps = 60;
  const stepMs = windowMs / steps;
  const times = Array.from({ length: steps }, (_, step) => NOW - windowMs + step * stepMs);
  const rates = times.map((_, step) => rate * (0.9 + 0.12 * Math.sin(step / 4) + 0.05 * Math.sin(step * 1.7)));
  const since = steps * 0.7;
  const errors = rates.map((value, step) => (step > since ? value * errorShare * 1.6 : 0));
  const latency = (base: number): number[] =>
    times.map((_, step) => base * (1 + 0.15 * Math.sin(step / 3)) * (step > since && errorShare > 0 ? 1.7 : 1));
  return {
    of,
    direction: 'inbound',
    stepMs,
    times,
    requestsPerSecond: rates,
    errorsPerSecond: errors,
    p50Ms: latency(4),
    p95Ms: latency(11),
    p99Ms: latency(19),
    receivedBytesPerSecond: rates.map((value) => value * 120),
    sentBytesPerSecond: rates.map((value) => value * 900),
    connectionsOpenedPerSecond: times.map(() => 0),
    codes: {},
    flags: {},
    source: 'samples',
    notes: [],
  };
}

export function failures(): Failures {
  const one = (seconds: number, more: Partial<Failures['failures'][number]>): Failures['failures'][number] => ({
    time: NOW - seconds * 1000,
    reporter: 'source',
    protocol: 'http',
    method: 'GET',
    authority: 'ratings:9080',
    path: '/ratings/0',
    status: 503,
    flags: 'UO',
    details: 'upstream_overflow',
    durationMs: 0.4,
    source: { workload: 'reviews-v2', namespace: 'default' },
    destination: { workload: 'ratings-v1', namespace: 'default' },
    service: 'ratings.default.svc.cluster.local',
    route: 'default',
    upstream: '',
    proxy: 'reviews-v2.default',
    ...more,
  });
  return {
    failures: [
      one(2, {}),
      one(3, { path: '/ratings/1' }),
      one(7, {}),
      one(9, {
        status: 503,
        flags: 'URX,UF',
        details: 'upstream_reset_before_response_started{connection_failure}',
        upstream: '10.1.0.40:9080',
        durationMs: 12.1,
      }),
      one(31, {
        status: 403,
        flags: '-',
        details: 'rbac_access_denied_matched_policy[none]',
        path: '/ratings/admin',
        method: 'DELETE',
      }),
    ],
    notes: [],
  };
}

export const DESCRIPTION: Description = {
  node: '',
  kind: 'service',
  name: 'reviews',
  namespace: 'default',
  facts: [],
  objects: [
    {
      kind: 'VirtualService',
      namespace: 'default',
      name: 'reviews',
      why: 'hosts reviews.default.svc.cluster.local',
      effects: ['end-user: jason goes to v3', 'the others: 90 % to v1, 10 % to v2'],
    },
    {
      kind: 'DestinationRule',
      namespace: 'default',
      name: 'ratings',
      why: 'host ratings.default.svc.cluster.local',
      effects: ['at most 20 connections', 'ejects hosts after 5 errors in a row'],
    },
    {
      kind: 'PeerAuthentication',
      namespace: 'istio-system',
      name: 'default',
      why: 'the whole mesh',
      effects: ['mTLS STRICT'],
    },
  ],
  findings: [
    {
      code: 'IST0101',
      level: 'warning',
      object: 'VirtualService default/reviews',
      message: 'no DestinationRule defines subset "v9"',
    },
  ],
  notes: [],
};

export const OBJECT: ObjectText = {
  kind: 'VirtualService',
  namespace: 'default',
  name: 'reviews',
  apiVersion: 'networking.istio.io/v1',
  place: 'routes.yaml:4',
  yaml: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
  namespace: default
spec:
  hosts:
    - reviews
  http:
    - name: split
      route:
        - destination:
            host: reviews
            subset: v1
          weight: 90
        - destination:
            host: reviews
            subset: v9
          weight: 10
`,
  findings: [
    {
      code: 'IST0101',
      level: 'warning',
      field: 'spec.http[0].route[1].destination.subset',
      message: 'no DestinationRule defines subset "v9" of reviews: requests that are sent there get a 503',
      line: 18,
    },
  ],
};

export const CHANGES: Changes = {
  versions: [
    {
      version: '9f31c2ab77d0',
      time: NOW - 170_000,
      proxies: 8,
      acknowledged: 7,
      refused: 1,
      objects: [
        {
          kind: 'VirtualService',
          namespace: 'default',
          name: 'reviews',
          change: 'modified',
          diff: `@@ -11,11 +11,11 @@\n       route:\n         - destination:\n             host: reviews\n             subset: v1\n-          weight: 100\n+          weight: 90\n         - destination:\n             host: reviews\n             subset: v2\n-          weight: 0\n+          weight: 10\n`,
        },
      ],
    },
    {
      version: '41d0e8830c12',
      time: NOW - 1_900_000,
      proxies: 8,
      acknowledged: 8,
      refused: 0,
      objects: [
        {
          kind: 'PeerAuthentication',
          namespace: 'istio-system',
          name: 'default',
          change: 'added',
          diff: '@@ -0,0 +1,7 @@\n+apiVersion: security.istio.io/v1\n+kind: PeerAuthentication\n+metadata:\n+  name: default\n+  namespace: istio-system\n+spec:\n+  mtls: { mode: STRICT }\n',
        },
      ],
    },
  ],
  notes: [],
};

export const EXPLANATION: Explanation = {
  verdict: 'refused',
  summary: 'ratings-v1 answers 403: no ALLOW rule matches.',
  steps: [
    {
      proxy: 'reviews-v1.default',
      side: 'client',
      what: 'route',
      outcome: 'ok',
      title: 'Route “split” of VirtualService reviews',
      detail: 'The path /ratings/0 matches by prefix /.',
      objects: [{ kind: 'VirtualService', namespace: 'default', name: 'reviews' }],
    },
    {
      proxy: 'reviews-v1.default',
      side: 'client',
      what: 'tls',
      outcome: 'ok',
      title: 'Mutual TLS as default/bookinfo-reviews',
      detail: '',
      objects: [],
    },
    {
      proxy: 'ratings-v1.default',
      side: 'server',
      what: 'authorization',
      outcome: 'refused',
      title: 'AuthorizationPolicy ratings-viewer has no rule that matches',
      detail: 'It allows default/bookinfo-productpage with GET.',
      objects: [{ kind: 'AuthorizationPolicy', namespace: 'default', name: 'ratings-viewer' }],
    },
  ],
  notes: [],
};
