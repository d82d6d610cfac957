import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import {
  differenceOf,
  edgeKey,
  latencyBoundMs,
  latencyBucket,
  latencyPercentile,
} from '../../common/runtime/edge-report.js';
import { FLAG } from '../http/flags.js';
import { PLAINTEXT_PEER, type ServiceInfo, type StreamInfo, type WorkloadInfo } from '../http/stream-info.js';
import { Issues } from '../snapshot/issues.js';
import { Expressions } from './expressions/compile.js';
import { IstioMetrics } from './istio-metrics.js';
import { localWorkload } from './local-workload.js';
import { createStatsFilter, createTcpStats } from './stats-filter.js';
import { TEST_CONNECTION, testInfo, testRequest } from './testing.js';

const LOCAL = localWorkload({
  NAME: 'reviews-v1-abc',
  WORKLOAD_NAME: 'reviews-v1',
  NAMESPACE: 'default',
  CLUSTER_ID: 'Kubernetes',
  LABELS: { app: 'reviews', version: 'v1' },
});
const PEER: WorkloadInfo = {
  workload: 'productpage-v1',
  namespace: 'shop',
  canonicalService: 'productpage',
  canonicalRevision: 'v1',
  app: 'productpage',
  version: 'v1',
  cluster: 'Kubernetes',
};
const SERVICE: ServiceInfo = { host: 'reviews.default.svc.cluster.local', name: 'reviews', namespace: 'default' };
const TLS = {
  ...PLAINTEXT_PEER,
  mtls: true,
  uriSan: 'spiffe://cluster.local/ns/shop/sa/productpage',
  localUriSan: 'spiffe://cluster.local/ns/default/sa/reviews',
};

function setup(direction: 'inbound' | 'outbound') {
  const metrics = new IstioMetrics(LOCAL, { clock: systemClock, evictionMs: Number.POSITIVE_INFINITY });
  const registry = new Registry();
  metrics.register(registry);
  const filter = createStatsFilter({}, { metrics, direction, expressions: new Expressions({}) }, new Issues());
  const record = (over: Partial<StreamInfo>, headers: Record<string, string> = {}): void =>
    filter.onComplete?.({ request: testRequest(headers), info: testInfo(over), route: () => undefined });
  return { metrics, registry, record };
}

/** Samples of an exposition: name to label sets with values. */
function parse(text: string): { name: string; labels: Record<string, string>; value: number }[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('istio_'))
    .map((line) => {
      const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (match === null) throw new Error(`no sample: ${line}`);
      const labels = [...(match[2] ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]);
      return { name: match[1] ?? '', labels: Object.fromEntries(labels), value: Number(match[3]) };
    });
}

describe('Istio metrics', () => {
  it('carry all labels at the destination', async () => {
    const { registry, record } = setup('inbound');
    const connection = { ...TEST_CONNECTION, peer: TLS };
    record({ connection, peerWorkload: PEER, destinationService: SERVICE });
    record({ connection, peerWorkload: { ...PEER }, destinationService: SERVICE });
    const samples = parse(await registry.metrics()).filter((sample) => sample.name === 'istio_requests_total');
    expect(samples).toEqual([
      {
        name: 'istio_requests_total',
        value: 2,
        labels: {
          reporter: 'destination',
          source_workload: 'productpage-v1',
          source_workload_namespace: 'shop',
          source_principal: 'spiffe://cluster.local/ns/shop/sa/productpage',
          source_app: 'productpage',
          source_version: 'v1',
          source_cluster: 'Kubernetes',
          source_canonical_service: 'productpage',
          source_canonical_revision: 'v1',
          destination_workload: 'reviews-v1',
          destination_workload_namespace: 'default',
          destination_principal: 'spiffe://cluster.local/ns/default/sa/reviews',
          destination_app: 'reviews',
          destination_version: 'v1',
          destination_cluster: 'Kubernetes',
          destination_service: 'reviews.default.svc.cluster.local',
          destination_service_name: 'reviews',
          destination_service_namespace: 'default',
          destination_canonical_service: 'reviews',
          destination_canonical_revision: 'v1',
          request_protocol: 'http',
          response_code: '200',
          response_flags: '-',
          connection_security_policy: 'mutual_tls',
        },
      },
    ]);
  });

  it('say unknown for what is unknown, and take the Host for a service that no cluster describes', async () => {
    const { registry, record } = setup('outbound');
    record({ responseCode: 404, flags: FLAG.NR, authority: 'Example.com:80' });
    const [sample] = parse(await registry.metrics()).filter(({ name }) => name === 'istio_requests_total');
    expect(sample?.labels).toMatchObject({
      reporter: 'source',
      source_workload: 'reviews-v1',
      source_principal: 'unknown',
      destination_workload: 'unknown',
      destination_principal: 'unknown',
      destination_service: 'example.com',
      destination_service_namespace: 'unknown',
      response_code: '404',
      response_flags: 'NR',
      connection_security_policy: 'unknown',
    });
  });

  it('tell gRPC from HTTP', async () => {
    const { registry, record } = setup('inbound');
    record({ grpcStatus: 5 }, { 'content-type': 'application/grpc+proto' });
    record({ grpcStatus: 5 }, { 'content-type': 'application/grpc-web' });
    const samples = parse(await registry.metrics()).filter(({ name }) => name === 'istio_requests_total');
    expect(samples.map(({ labels }) => [labels['request_protocol'], labels['grpc_response_status']])).toEqual([
      ['grpc', '5'],
      ['http', undefined],
    ]);
  });

  it('are cumulative histograms with the buckets of Envoy', async () => {
    const { registry, record } = setup('inbound');
    for (const ms of [0.2, 0.5, 7, 1e9]) record({ start: 0, end: ms, bytesSent: 10 });
    const samples = parse(await registry.metrics());
    const buckets = samples.filter(({ name }) => name === 'istio_request_duration_milliseconds_bucket');
    expect(buckets.map(({ labels, value }) => [labels['le'], value])).toEqual([
      ['0.5', 2],
      ['1', 2],
      ['5', 2],
      ['10', 3],
      ['25', 3],
      ['50', 3],
      ['100', 3],
      ['250', 3],
      ['500', 3],
      ['1000', 3],
      ['2500', 3],
      ['5000', 3],
      ['10000', 3],
      ['30000', 3],
      ['60000', 3],
      ['300000', 3],
      ['600000', 3],
      ['1800000', 3],
      ['3600000', 3],
      ['+Inf', 4],
    ]); // prettier-ignore
    const sum = samples.find(({ name }) => name === 'istio_response_bytes_sum');
    expect(sum?.value).toBe(40);
  });

  it('count TCP connections', async () => {
    const metrics = new IstioMetrics(LOCAL, { clock: systemClock, evictionMs: Number.POSITIVE_INFINITY });
    const registry = new Registry();
    metrics.register(registry);
    const tcp = createTcpStats({}, { metrics, direction: 'inbound', expressions: new Expressions({}) }, new Issues());
    const info = testInfo({ responseCode: 0, bytesReceived: 3, bytesSent: 4 });
    tcp.onOpen(info);
    tcp.onClose(info);
    const values = parse(await registry.metrics()).map(({ name, value }) => [name, value]);
    expect(values).toEqual([
      ['istio_tcp_connections_opened_total', 1],
      ['istio_tcp_connections_closed_total', 1],
      ['istio_tcp_sent_bytes_total', 4],
      ['istio_tcp_received_bytes_total', 3],
    ]);
  });

  it('stay bounded when clients invent hosts and codes', () => {
    const { metrics, record } = setup('outbound');
    for (let i = 0; i < 6000; i++) record({ authority: `host${i}` });
    for (let i = 100; i < 1000; i++) record({ responseCode: i, destinationService: SERVICE });
    const { edges } = metrics.report(systemClock);
    expect(edges.length).toBeLessThanOrEqual(5001);
    expect(Math.max(...edges.map((edge) => edge.responses.length))).toBeLessThanOrEqual(257);
    const counted = edges.flatMap((edge) => edge.responses).reduce((sum, response) => sum + response.count, 0);
    expect(counted).toBe(6900);
  });
});

describe('edge report', () => {
  it('tells who talked to whom, and who answered', () => {
    const { metrics, record } = setup('inbound');
    const connection = { ...TEST_CONNECTION, peer: TLS };
    record({ connection, peerWorkload: PEER, destinationService: SERVICE });
    const earlier = metrics.report(systemClock).edges[0]!;
    record({
      connection,
      peerWorkload: PEER,
      destinationService: SERVICE,
      responseCode: 403,
      responseCodeDetails: 'rbac_access_denied_matched_policy[none]',
    });
    const edge = metrics.report(systemClock).edges[0]!;
    expect(edge).toMatchObject({
      reporter: 'destination',
      protocol: 'http',
      source: { workload: 'productpage-v1', namespace: 'shop', principal: TLS.uriSan },
      destination: { workload: 'reviews-v1', principal: TLS.localUriSan, service: SERVICE.host },
      mtls: true,
    });
    expect(edgeKey(edge)).toBe(edgeKey(earlier));
    const difference = differenceOf(edge, earlier);
    expect(difference.responses).toEqual([{ code: 403, flags: '-', origin: 'rbac', count: 1 }]);
    expect(difference.latency.count).toBe(1);
    expect(latencyPercentile(difference.latency, 0.5)).toBeCloseTo(5.7, 0);
  });

  it('puts a duration into the bucket that holds it', () => {
    for (const ms of [0.0001, 0.001, 0.5, 1, 3.3, 1000, 60_000]) {
      const bucket = latencyBucket(ms);
      expect(latencyBoundMs(bucket)).toBeGreaterThanOrEqual(ms * 0.999999);
      if (bucket > 0) expect(latencyBoundMs(bucket - 1)).toBeLessThan(ms);
    }
    expect(latencyBucket(Number.NaN)).toBe(0);
    expect(latencyPercentile({ count: 0, sumMs: 0, buckets: [] }, 0.5)).toBeUndefined();
  });
});

describe('own workload', () => {
  it('follows the rules of Istio for canonical names', () => {
    expect(localWorkload({})).toMatchObject({
      workload: 'unknown',
      canonicalService: 'unknown',
      canonicalRevision: 'latest',
    });
    const labels = { 'service.istio.io/canonical-name': 'c', 'app.kubernetes.io/version': '2', app: 'a' };
    expect(localWorkload({ NAME: 'p', LABELS: labels })).toMatchObject({
      workload: 'p',
      canonicalService: 'c',
      canonicalRevision: '2',
      app: 'a',
      version: 'unknown',
    });
  });
});
