import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { EdgeReport, EdgeStats } from '../../common/runtime/edge-report.js';
import { HopTracker } from './hops.js';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server = undefined;
});

/** A sidecar's admin port that answers with the given reports, one after the other. */
async function sidecar(reports: readonly EdgeReport[]): Promise<string> {
  let next = 0;
  server = createServer((_request, response) => {
    response.setHeader('connection', 'close');
    response.end(JSON.stringify(reports[next++]));
  });
  await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const part = (code: number, flags: string, count: number): EdgeStats => ({
  reporter: 'source',
  protocol: 'http',
  source: { workload: 'a', namespace: 'default', principal: 'spiffe://cluster.local/ns/default/sa/a' },
  destination: {
    workload: 'b',
    namespace: 'default',
    principal: 'spiffe://cluster.local/ns/default/sa/b',
    service: 'b',
  },
  mtls: true,
  responses: [{ code, flags, origin: 'upstream', count }],
  latency: { count, sumMs: count, buckets: [[100, count]] },
});

const report = (edges: readonly EdgeStats[], pid = 1): EdgeReport => ({ time: 0, monotonic: 0, pid, edges });

describe('counting hops', () => {
  it('counts an edge that a sidecar lists in two parts once, poll after poll', async () => {
    const url = await sidecar([
      report([part(200, '-', 100)]),
      report([part(200, '-', 110), part(503, 'UC', 4)]),
      report([part(200, '-', 120), part(503, 'UC', 4)]),
      report([part(503, 'UC', 4), part(200, '-', 130)]),
    ]);
    const hops = new HopTracker();
    for (const now of [0, 1000, 2000, 3000]) await hops.poll([{ workload: 'a', url }], now);
    expect(hops.requests()).toBe(134);
    expect(hops.failures()).toEqual({ asked: 0, unasked: 4 });
  });

  it('starts from zero again with a new process', async () => {
    const url = await sidecar([report([part(200, '-', 100)]), report([part(200, '-', 7)], 2)]);
    const hops = new HopTracker();
    for (const now of [0, 1000]) await hops.poll([{ workload: 'a', url }], now);
    expect(hops.requests()).toBe(107);
  });
});
