import { describe, expect, it } from 'vitest';
import { workloadId } from '../../common/observe/ids.js';
import type { ProxyFacts } from './facts.js';
import { graphNodes } from './nodes.js';

const SYNCED = { status: 'SYNCED', sent: '1', acked: '1', resources: 1, lastNack: undefined } as const;
const node = workloadId('default', 'reviews');

/** One proxy of reviews; `connections` is undefined for one that does not tell. */
function proxy(pod: string, connections: number | undefined): ProxyFacts {
  return {
    key: `default/${pod}`,
    node,
    status: {
      id: `sidecar~10.0.0.1~${pod}.default~default.svc.cluster.local`,
      workload: pod,
      namespace: 'default',
      dataPlane: 'weft',
      protocol: 'delta',
      connectedAt: '2026-01-01T00:00:00Z',
      types: { CDS: SYNCED, EDS: SYNCED, LDS: SYNCED, RDS: SYNCED },
    },
    observed: {
      lastSample: 0,
      draining: false,
      troubledClusters: [],
      ...(connections !== undefined && { inboundConnections: connections }),
    },
  };
}

describe('connections to a workload', () => {
  it.each([
    { what: 'are the sum of its proxies', told: [3, 0, 4], present: true, connections: 7 },
    { what: 'are those of the proxies that tell', told: [undefined, 2], present: true, connections: 2 },
    { what: 'are none where they tell so', told: [0], present: true, connections: 0 },
    { what: 'are unknown where no proxy tells', told: [undefined], present: true, connections: undefined },
    { what: 'are unknown of the past', told: [3], present: false, connections: undefined },
  ])('$what', ({ told, present, connections }) => {
    const proxies = told.map((count, index) => proxy(`reviews-${index}`, count));
    const [found] = graphNodes({ snapshot: undefined, proxies, hops: [], windowMs: 1000, present });
    expect(found).toMatchObject({ kind: 'workload', connected: told.length });
    expect((found as { connections?: number }).connections).toBe(connections);
  });
});
