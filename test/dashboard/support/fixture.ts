import type { Graph, GraphNode, ServiceNode, WorkloadNode } from '../../../common/observe/graph.js';
import type { Workloads } from '../../../common/observe/workload.js';
import { edge, golden, NOW, service, workload } from './graph-parts.js';

/** A mesh that is made up, as the control plane's API would tell of it. */
export interface Fixture {
  readonly graph: Graph;
  readonly workloads: Workloads;
}

/** Bookinfo with two things wrong: a circuit breaker before ratings, and a refused configuration of details. */
export function bookinfo(): Fixture {
  const traffic = workload('traffic', 'traffic', 'v1', golden(0), { services: [] });
  const productpage = workload('productpage-v1', 'productpage', 'v1', golden(24.2, 0.012, 14));
  const details = workload('details-v1', 'details', 'v1', golden(24.1, 0, 2), {
    sync: 'nacked',
    connections: 12,
  });
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
