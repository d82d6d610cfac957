import { describe, expect, it } from 'vitest';
import { goldenOf } from '../../common/observe/golden.js';
import { type EdgeStats, NO_TRAFFIC } from '../../common/runtime/edge-report.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { joinHops } from './hops.js';
import { tunnelsAsTcp } from './tunnels.js';

const snapshot = {
  services: [
    { host: 'db', ports: [{ protocol: 'tcp' }, { protocol: 'mysql' }] },
    { host: 'web', ports: [{ protocol: 'http' }] },
    { host: 'any', ports: [{ protocol: 'auto' }] },
  ],
} as unknown as MeshSnapshot;

function edge(service: string, change: Partial<EdgeStats> = {}): EdgeStats {
  const end = { namespace: 'default', principal: 'spiffe://d/ns/default/sa/a' };
  return {
    reporter: 'source',
    protocol: 'http',
    source: { ...end, workload: 'ratings' },
    destination: { ...end, workload: service, service },
    mtls: true,
    responses: [
      { code: 200, flags: '-', origin: 'upstream', count: 7 },
      { code: 503, flags: 'UF', origin: 'upstream', count: 1 },
    ],
    latency: { count: 8, sumMs: 80, buckets: [[200, 8]] },
    traffic: { ...NO_TRAFFIC, sentBytes: 10 },
    ...change,
  };
}

describe('calls by CONNECT', () => {
  it('of a service that speaks no HTTP are connections', () => {
    const server = edge('db', {
      reporter: 'destination',
      protocol: 'tcp',
      traffic: { ...NO_TRAFFIC, opened: 9, closed: 7, open: 2 },
    });
    const [hop, ...more] = joinHops(tunnelsAsTcp([edge('db'), server], snapshot));
    expect(more).toEqual([]);
    expect(hop).toMatchObject({ protocol: 'tcp', reporter: 'source', service: 'service/db' });
    expect(goldenOf(hop?.stats ?? [], 1000)).toMatchObject({
      requests: 0,
      errors: 1,
      connectionsOpened: 8,
      connectionsClosed: 8,
      connectionsOpen: 2,
    });
  });

  it.each(['web', 'any', 'unknown'])('of %s are left as they are', (service) => {
    const edges = [edge(service)];
    expect(tunnelsAsTcp(edges, snapshot)).toBe(edges);
  });
});
