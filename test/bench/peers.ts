// `node --expose-gc dist/test/bench/peers.js [PEERS]`: what the metrics of one sidecar hold when so many clients call it, and what a scrape takes.
import { systemClock } from '../../common/runtime/clock.js';
import { HeaderList } from '../../proxy/http/headers.js';
import { PLAINTEXT_PEER, StreamInfo, type WorkloadInfo } from '../../proxy/http/stream-info.js';
import { Issues } from '../../proxy/snapshot/issues.js';
import { Expressions } from '../../proxy/telemetry/expressions/compile.js';
import { IstioMetrics } from '../../proxy/telemetry/istio-metrics.js';
import { newRegistry, textOf } from '../../proxy/telemetry/metric-source.js';
import { createStatsFilter } from '../../proxy/telemetry/stats-filter.js';

const PEERS = Number(process.argv[2] ?? 10_000);
const REQUESTS = 5;

const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
const collect = (): void => (globalThis as { gc?: () => void }).gc?.();

function workload(name: string): WorkloadInfo {
  return {
    workload: name,
    namespace: 'default',
    canonicalService: name,
    canonicalRevision: 'v1',
    app: name,
    version: 'v1',
    cluster: 'Kubernetes',
  };
}

const metrics = new IstioMetrics(workload('server'), { clock: systemClock, evictionMs: Number.POSITIVE_INFINITY });
const expressions = new Expressions({});
const filter = createStatsFilter({}, { metrics, direction: 'inbound', expressions }, new Issues());
const connection = {
  id: 1,
  localAddress: '10.0.0.1:80',
  localIp: '10.0.0.1',
  localPort: 80,
  remoteAddress: '10.0.0.2:40000',
  remoteIp: '10.0.0.2',
  remotePort: 40_000,
};
const headers = new HeaderList();
const request = {
  method: 'GET',
  path: '/',
  authority: 'server',
  scheme: 'http',
  version: 'HTTP/1.1',
  headers,
} as const;

collect();
const before = process.memoryUsage();
for (let i = 0; i < PEERS; i++) {
  const peer = { ...PLAINTEXT_PEER, mtls: true, uriSan: `spiffe://cluster.local/ns/default/sa/client-${i}` };
  const peerWorkload = workload(`client-${i}`);
  for (let n = 0; n < REQUESTS; n++) {
    const info = Object.assign(new StreamInfo({ ...connection, peer }), { responseCode: 200, start: 1, end: 2 + n });
    info.peerWorkload = peerWorkload;
    filter.onComplete?.({ request, info, route: () => undefined });
  }
}
collect();
const after = process.memoryUsage();
const edges = [...metrics.edges()].length;
const registry = newRegistry();
metrics.register(registry);
const start = performance.now();
let length = 0;
let most = 0;
let overflow = '0';
for await (const piece of textOf(registry)) {
  length += piece.length;
  most = Math.max(most, process.memoryUsage.rss());
  overflow = /weft_proxy_edges_overflow_total\{reporter="destination"\} (\d+)/.exec(piece)?.[1] ?? overflow;
}
const scrape = performance.now() - start;
process.stdout.write(
  [
    `peers ${PEERS}, requests ${PEERS * REQUESTS}, edges ${edges}, counted as unknown ${overflow}`,
    `heap ${mb(after.heapUsed - before.heapUsed)} MB, buffers ${mb(after.arrayBuffers - before.arrayBuffers)} MB, for each edge ${((after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers) / edges / 1000).toFixed(1)} kB`,
    `scrape ${mb(length)} MB in ${scrape.toFixed(0)} ms, resident ${mb(after.rss)} MB before and ${mb(most)} MB at most during it`,
    '',
  ].join('\n'),
);
