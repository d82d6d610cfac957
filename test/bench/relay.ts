import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { weftProgram } from '../../cli/installation.js';
import { findEnvoy } from '../support/envoy.js';
import { cpuMicros, LoadProcess, memoryKb, pidOf, spawnPinned } from './processes.js';

/** One side in one round. */
export interface Measurement {
  readonly side: 'weft' | 'envoy';
  /** Processor time a request, microseconds, user and system. */
  readonly cpuPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly residentKb: number;
  readonly errors: number;
}

export interface RelayOptions {
  readonly rounds: number;
  readonly roundMs: number;
  readonly connections: number;
  readonly onRound: (measurement: Measurement) => void;
}

const LOAD_CPU = 0;
const PROXY_CPU = 1;

/**
 * Plain HTTP/1.1 in, plain HTTP/1.1 out, with the route configuration that a sidecar has: both sides start from the same
 * file but for our metrics filter, which Envoy's own counters stand against.
 */
export async function relay(options: RelayOptions): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'));
  const load = await LoadProcess.start(fileURLToPath(new URL('./load.js', import.meta.url)), LOAD_CPU);
  const envoy = findEnvoy();
  const sides: Side[] = [];
  try {
    sides.push(
      await startSide('weft', process.execPath, (file) => [weftProgram(), 'proxy', '-c', file], folder, load.port),
    );
    if (envoy !== undefined) {
      sides.push(
        await startSide(
          'envoy',
          envoy,
          (file) => ['-c', file, '--concurrency', '1', '--log-level', 'off', '--use-dynamic-base-id'],
          folder,
          load.port,
        ),
      );
    }
    for (const side of sides) await measure(side, load, { ...options, roundMs: Math.min(options.roundMs, 1500) });
    const results: Measurement[] = [];
    for (let round = 0; round < options.rounds; round++) {
      for (const side of sides) {
        const result = await measure(side, load, options);
        options.onRound(result);
        results.push(result);
      }
    }
    return results;
  } finally {
    for (const side of sides) side.stop();
    load.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Side {
  readonly name: Measurement['side'];
  readonly port: number;
  readonly pid: number;
  stop(): void;
}

async function startSide(
  name: Measurement['side'],
  program: string,
  args: (file: string) => string[],
  folder: string,
  upstream: number,
): Promise<Side> {
  const [port, admin] = [await freePort(), await freePort()];
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(bootstrap(name, port, admin, upstream)));
  const child = spawnPinned(PROXY_CPU, program, args(file));
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4000);
  });
  await untilReady(admin, () => {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${log}`);
  });
  return { name, port, pid: pidOf(child), stop: () => void child.kill('SIGKILL') };
}

async function measure(side: Side, load: LoadProcess, options: RelayOptions): Promise<Measurement> {
  const before = cpuMicros(side.pid);
  const report = await load.run({
    host: '127.0.0.1',
    port: side.port,
    connections: options.connections,
    ms: options.roundMs,
  });
  const spent = cpuMicros(side.pid) - before;
  if (report.requests === 0) throw new Error(`${side.name} answered no request`);
  return {
    side: side.name,
    cpuPerRequest: spent / report.requests,
    requestsPerSecond: report.requests / report.seconds,
    p50: report.p50,
    p99: report.p99,
    residentKb: memoryKb(side.pid).resident,
    errors: report.errors,
  };
}

function bootstrap(side: Measurement['side'], port: number, admin: number, upstream: number): object {
  const route = (match: object, cluster: string): object => ({
    match,
    route: {
      cluster,
      timeout: '0s',
      retry_policy: {
        retry_on: 'connect-failure,refused-stream,unavailable,cancelled',
        num_retries: 2,
        retry_host_predicate: [
          {
            name: 'envoy.retry_host_predicates.previous_hosts',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
            },
          },
        ],
        host_selection_retry_max_attempts: '5',
      },
    },
  });
  const statsFilter = { name: 'istio.stats', typed_config: { '@type': 'type.googleapis.com/stats.PluginConfig' } };
  return {
    node: { id: 'sidecar~127.0.0.1~bench.default~default.svc.cluster.local', cluster: 'bench' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: admin } } },
    static_resources: {
      listeners: [
        {
          name: `127.0.0.1_${port}`,
          traffic_direction: 'OUTBOUND',
          address: { socket_address: { address: '127.0.0.1', port_value: port } },
          filter_chains: [
            {
              filters: [
                {
                  name: 'envoy.filters.network.http_connection_manager',
                  typed_config: {
                    '@type':
                      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                    stat_prefix: 'bench',
                    http_filters: [
                      ...(side === 'weft' ? [statsFilter] : []),
                      {
                        name: 'envoy.filters.http.router',
                        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                      },
                    ],
                    route_config: {
                      name: 'http_proxy',
                      virtual_hosts: [
                        {
                          name: 'echo.default.svc.cluster.local:9080',
                          domains: [
                            'echo:9080',
                            'echo.default:9080',
                            'echo.default.svc:9080',
                            'echo.default.svc.cluster.local:9080',
                          ],
                          routes: [
                            route(
                              { prefix: '/', headers: [{ name: 'end-user', string_match: { exact: 'jason' } }] },
                              'other',
                            ),
                            route({ prefix: '/' }, 'echo'),
                          ],
                        },
                      ],
                    },
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: ['echo', 'other'].map((name) => ({
        name,
        type: 'STATIC',
        connect_timeout: '5s',
        lb_policy: 'LEAST_REQUEST',
        circuit_breakers: {
          thresholds: [
            { max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000, max_retries: 100_000 },
          ],
        },
        load_assignment: {
          cluster_name: name,
          endpoints: [
            {
              lb_endpoints: [
                { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: upstream } } } },
              ],
            },
          ],
        },
      })),
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function untilReady(admin: number, check: () => void): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    check();
    const ready = await fetch(`http://127.0.0.1:${admin}/ready`).then(
      (response) => response.status === 200,
      () => false,
    );
    if (ready) return;
    if (Date.now() > deadline) throw new Error('not ready after 30 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
