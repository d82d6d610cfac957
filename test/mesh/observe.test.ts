import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getJson, getText } from '../../cli/mesh/http.js';
import { locateControlPlane } from '../../cli/mesh/locate.js';
import { adminUrl, findWorkload } from '../../cli/mesh/workloads.js';
import type { Failures } from '../../common/observe/failure.js';
import type { Graph, GraphEdge } from '../../common/observe/graph.js';
import type { RouteStat } from '../../common/observe/routes.js';
import type { WorkloadDetails } from '../../common/observe/workload.js';
import { count, DemoProcess, weft } from '../support/demo-process.js';

const id = (name: string): string => `workload/default/${name}`;

describe('what the control plane hears from the sidecars of the demo', () => {
  let demo: DemoProcess;

  const api = <T>(path: string): Promise<T> => getJson<T>(`${locateControlPlane(demo.state).debugUrl}${path}`, 10_000);
  const edge = (graph: Graph, from: string, to: string): GraphEdge | undefined =>
    graph.edges.find(({ source, destination }) => source === id(from) && destination === id(to));

  /** Asks for the graph of the last hour until it is as wanted. */
  async function graphUntil(what: string, wanted: (graph: Graph) => boolean): Promise<Graph> {
    const deadline = Date.now() + 120_000;
    for (;;) {
      const graph = await api<Graph>('/api/graph?window=1h');
      if (wanted(graph)) return graph;
      if (Date.now() > deadline) throw new Error(`${what} did not come about: ${JSON.stringify(graph.edges)}`);
      await pause(500);
    }
  }

  /** `weft …` for this demo, by its exit. */
  function command(...args: readonly string[]): string {
    const { stdout, stderr, status } = spawnSync(process.execPath, [weft, ...args, '--state', demo.state], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    if (status !== 0) throw new Error(`weft ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  beforeAll(async () => {
    demo = new DemoProcess(['--rps', '20']);
    await demo.until('traffic on every hop', (line) => count(line, 'reviews-v2', 'ratings-v1') > 0, 120_000);
  }, 180_000);

  afterAll(() => demo.dispose());

  it('has every edge, secured by the identities of both ends', async () => {
    const graph = await graphUntil('all edges', (seen) =>
      [
        ['traffic', 'productpage-v1'],
        ['productpage-v1', 'details-v1'],
        ['productpage-v1', 'reviews-v1'],
        ['productpage-v1', 'reviews-v2'],
        ['reviews-v2', 'ratings-v1'],
        ['ratings-v1', 'ratings-db-v1'],
      ].every(([from = '', to = '']) => edge(seen, from, to) !== undefined),
    );
    expect(edge(graph, 'productpage-v1', 'details-v1')).toMatchObject({
      protocol: 'grpc',
      security: {
        kind: 'mtls',
        sourceIdentity: 'spiffe://cluster.local/ns/default/sa/bookinfo-productpage',
        destinationIdentity: 'spiffe://cluster.local/ns/default/sa/bookinfo-details',
      },
    });
    // By CONNECT, where nothing is captured.
    expect(edge(graph, 'ratings-v1', 'ratings-db-v1')).toMatchObject({ protocol: 'tcp', security: { kind: 'mtls' } });
    expect(graph.splits.map(({ service }) => service)).toContain('service/reviews.default.svc.cluster.local');
    expect(graph.nodes.filter(({ kind }) => kind === 'workload')).toHaveLength(8);
    expect(graph.notes).toEqual([]);
  });

  it('counts what /stats/prometheus counts', async () => {
    const admin = adminUrl(await findWorkload(demo.state, 'productpage-v1'));
    const series = /^istio_requests_total\{.*reporter="source".*destination_workload="details-v1"/;
    const counted = async (): Promise<number> =>
      (await getText(`${admin}/stats/prometheus`))
        .split('\n')
        .filter((line) => series.test(line))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    const before = await counted();
    // What was counted before is told a little later; nothing is told that was not counted.
    const graph = await graphUntil(
      'the counts',
      (seen) => (edge(seen, 'productpage-v1', 'details-v1')?.golden.requests ?? 0) >= before,
    );
    expect(edge(graph, 'productpage-v1', 'details-v1')?.golden.requests).toBeLessThanOrEqual(await counted());
  });

  it('tells how many connections are open to a workload, HTTP and all', async () => {
    const admin = adminUrl(await findWorkload(demo.state, 'reviews-v1'));
    // It calls nobody: all connections of its sidecar are to it.
    const series = /^envoy_listener_downstream_cx_active\{.*\} (\d+)$/;
    const counted = async (): Promise<number> =>
      (await getText(`${admin}/stats/prometheus`))
        .split('\n')
        .reduce((sum, line) => sum + Number(series.exec(line)?.[1] ?? 0), 0);
    const deadline = Date.now() + 60_000;
    for (;;) {
      const [row] = JSON.parse(command('stat', 'deploy/reviews-v1', '-o', 'json')).nodes as { connections?: number }[];
      if (row?.connections !== undefined && row.connections > 0 && row.connections === (await counted())) break;
      if (Date.now() > deadline)
        throw new Error(`stat tells ${row?.connections}, the sidecar counts ${await counted()}`);
      await pause(500);
    }
    expect(command('stat', 'deploy/reviews-v1')).toMatch(/^reviews-v1 .* [1-9]\d*$/m);
    expect(command('stat', 'ns')).toMatch(/^default .* [1-9]\d*$/m);
  });

  it('asks a sidecar for its certificate and endpoints', async () => {
    const details = await api<WorkloadDetails>('/api/workloads/default/productpage-v1');
    expect(details.notes).toEqual([]);
    expect(details.certificates[0]?.identity).toBe('spiffe://cluster.local/ns/default/sa/bookinfo-productpage');
    expect(details.endpoints.filter(({ cluster }) => cluster.includes('|v1|reviews.'))).toHaveLength(1);
    expect(details.proxy?.observed?.certificateNotAfter ?? 0).toBeGreaterThan(Date.now());
  });

  it('tells of failed requests without their queries, and lets live ones be looked at', async () => {
    const fault = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings-fault, namespace: default}
spec:
  hosts: [ratings]
  http:
    - fault: {abort: {percentage: {value: 100}, httpStatus: 555}}
      route: [{destination: {host: ratings}}]
`;
    demo.write('fault.yaml', fault);
    const graph = await graphUntil('the fault', (seen) => seen.edges.some(({ faultInjected }) => faultInjected > 0));
    expect(graph.edges.find(({ faultInjected }) => faultInjected > 0)?.service).toBe(
      'service/ratings.default.svc.cluster.local',
    );
    const { failures } = await api<Failures>('/api/failures?limit=100');
    const injected = failures.filter(({ status, reporter }) => status === 555 && reporter === 'source');
    expect(injected[0]).toMatchObject({ flags: 'FI', method: 'GET', details: 'fault_filter_abort' });
    for (const { path } of failures) expect(path).not.toContain('?');
    const lines = command('tap', 'deploy/reviews-v2', '--status', 'errors', '--for', '5', '-o', 'json')
      .trim()
      .split('\n');
    expect(lines.length).toBeGreaterThan(0);
    expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({ status: 555, proxy: 'reviews-v2.default' });
  });

  it('packs a bug report with objects and logs, and without a key or a token', () => {
    const archive = join(demo.state, '..', 'report.tar.gz');
    command('bug-report', '-f', archive, '--proxies', '2');
    const text = gunzipSync(readFileSync(archive)).toString('utf8');
    for (const part of ['mesh/objects.yaml', 'kind: DestinationRule', 'mesh/changes.json', 'logs/control-plane.log'])
      expect(text).toContain(part);
    const kept = readdirSync(demo.state, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && (entry.name.endsWith('.key') || entry.parentPath.includes('tokens')))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
    const secrets = kept.flatMap((file) => file.split('\n')).filter((line) => line.length > 40);
    expect(secrets.length).toBeGreaterThan(8);
    for (const secret of secrets) expect(text.includes(secret)).toBe(false);
    for (const sign of ['PRIVATE KEY-----', 'LS0tLS1CRUdJTiBQUklWQVRF']) expect(text.includes(sign)).toBe(false);
    expect(text).not.toMatch(/\beyJ[\w-]{8,}\.[\w-]{8,}\./);
  });

  it('shows it in the terminal', () => {
    expect(command('stat')).toMatch(/productpage-v1\s+default\s+1\/1/);
    expect(JSON.parse(command('stat', 'svc/reviews', '-o', 'json'))).toHaveProperty('edges');
    const routes = JSON.parse(command('stat', 'route/reviews', '--window', '4s', '-o', 'json')) as RouteStat[];
    expect(routes.map(({ route }) => route)).toEqual(expect.arrayContaining(['split', 'jason']));
    expect(routes[0]?.golden.requestsPerSecond).toBeGreaterThan(0);
    expect(command('stat', 'routes', '--window', '2s')).toMatch(/details\S*\s+default\s+productpage-v1\S*\s+100%/);
    expect(command('tap', '--for', '3', '--rate', '1', '-o', 'yaml')).toMatch(/^---\n[\s\S]*method: GET/m);
    expect(command('top', '--for', '3', '-w')).toMatch(/productpage-v1\s+details-v1\s+POST/);
    expect(command('edges')).toMatch(/mtls\s+spiffe:\/\/cluster.local\/ns\/default\/sa\/bookinfo-productpage/);
    expect(command('describe', 'service', 'reviews')).toContain('DestinationRule default/reviews');
  });
});
