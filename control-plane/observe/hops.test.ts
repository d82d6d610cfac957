import { describe, expect, it } from 'vitest';
import { buildGraph } from './graph.js';
import { joinHops } from './hops.js';
import { edge } from './testing.js';

const HOST = 'b.default.svc.cluster.local';
const graph = (edges: Parameters<typeof joinHops>[0]) =>
  buildGraph({
    snapshot: undefined,
    proxies: [],
    history: { source: 'samples', oldest: () => 0 },
    window: { from: 0, to: 10_000 },
    present: true,
    told: { value: edges, notes: [] },
  });

describe('joining what two sidecars say', () => {
  it('believes the client where both tell, and takes from the server who was refused', () => {
    const [hop, ...more] = graph([
      edge({ count: 100 }),
      edge({ count: 20, code: 403 }),
      edge({ count: 100, reporter: 'destination' }),
      edge({ count: 25, reporter: 'destination', code: 403, origin: 'rbac' }),
    ]).edges;
    expect(more).toEqual([]);
    expect(hop).toMatchObject({ reporter: 'source', denied: 0.2, golden: { requests: 120, errors: 0 } });
    expect(hop?.golden.requestsPerSecond).toBe(12);
  });

  it('believes the server where the client has no sidecar', () => {
    const [hop] = graph([edge({ count: 10, reporter: 'destination', from: 'unknown', mtls: false })]).edges;
    expect(hop).toMatchObject({ source: 'outside', reporter: 'destination', security: { kind: 'plaintext' } });
  });

  it('does not count plaintext requests of known clients as coming from outside', () => {
    const known = edge({ count: 100, mtls: false });
    const sources = (count: number) =>
      graph([known, edge({ count, from: 'unknown', mtls: false, reporter: 'destination' })]).edges.map(
        ({ source, golden }) => [source, golden.requests],
      );
    expect(sources(104)).toEqual([['workload/default/a', 100]]);
    expect(sources(150)).toEqual([
      ['workload/default/a', 100],
      ['outside', 50],
    ]);
  });

  it('knows a CONNECT and the TCP connection behind it for one', () => {
    const hops = joinHops([edge({ count: 5 }), edge({ count: 5, reporter: 'destination', protocol: 'tcp' })]);
    expect(hops).toHaveLength(1);
  });
});

describe('what edges say', () => {
  it.each([
    ['mtls', [edge({ count: 5 })]],
    ['plaintext', [edge({ count: 5, mtls: false })]],
    ['mixed', [edge({ count: 5 }), edge({ count: 5, mtls: false })]],
    ['mtls', [edge({ count: 5 }), edge({ count: 2, mtls: false, code: 503, flags: 'UF' })]],
    ['unknown', [edge({ count: 2, mtls: false, code: 503, flags: 'UF' })]],
    ['unknown', [edge({ count: 2, mtls: false, code: 500, flags: 'FI', to: 'unknown' })]],
  ] as const)('%s', (kind, edges) => {
    expect(graph(edges).edges[0]?.security.kind).toBe(kind);
  });

  it('shares and flags', () => {
    const { edges, splits } = graph([
      edge({ count: 60, to: 'v1', service: HOST }),
      edge({ count: 20, to: 'v2', service: HOST }),
      edge({ count: 10, to: 'v2', service: HOST, code: 503, flags: 'UO' }),
      edge({ count: 10, to: 'unknown', service: HOST, code: 500, flags: 'FI', mtls: false }),
    ]);
    expect(
      edges.map(({ destination, share, overflowed, faultInjected }) => [destination, share, overflowed, faultInjected]),
    ).toEqual([
      ['workload/default/v1', 0.6, 0, 0],
      ['workload/default/v2', 0.3, 1 / 3, 0],
      [`service/${HOST}`, 0.1, 0, 1],
    ]);
    // Which workloads are behind a service is told by traffic, too.
    expect(splits).toEqual([
      {
        service: `service/${HOST}`,
        parts: [
          expect.objectContaining({ workload: 'workload/default/v1', share: 60 / 90 }),
          expect.objectContaining({ workload: 'workload/default/v2', share: 30 / 90 }),
        ],
      },
    ]);
  });

  it.each([
    ['http 500', { code: 500 }, 1],
    ['http 404', { code: 404 }, 0],
    ['the client left', { code: 0, flags: 'DC' }, 0],
    ['no answer', { code: 0, flags: 'UC' }, 1],
    ['gRPC UNAVAILABLE', { protocol: 'grpc', grpcStatus: 14 }, 1],
    ['gRPC NOT_FOUND', { protocol: 'grpc', grpcStatus: 5 }, 0],
    ['a TCP connection that failed', { protocol: 'tcp', code: 0, flags: 'UF' }, 1],
    ['a TCP connection that ended', { protocol: 'tcp', code: 0 }, 0],
  ] as const)('%s', (_name, response, errorShare) => {
    expect(graph([edge({ count: 3, ...response })]).edges[0]?.golden.errorShare).toBe(errorShare);
  });
});
