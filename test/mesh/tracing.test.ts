import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CollectedSpan, OtlpCollector } from '../support/otlp-collector.js';
import { get, head, SidecarPair } from './sidecar/pair.js';

const collector = new OtlpCollector();
const pair = new SidecarPair();

const configuration = (provider: string): string => `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
      - {name: grpc, opentelemetry: {service: collector.test, port: 4317, grpc: {initialMetadata: [{name: x-team, value: blue}]}}}
      - {name: http, opentelemetry: {service: collector.test, port: 4318, http: {path: /v1/traces, headers: [{name: x-team, value: red}]}}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: collector}
spec:
  hosts: [collector.test]
  ports: [{name: grpc, number: 4317, protocol: GRPC}, {name: http, number: 4318, protocol: HTTP}]
  resolution: STATIC
  location: MESH_EXTERNAL
  endpoints: [{address: 127.0.0.1, ports: {grpc: ${collector.ports.grpc}, http: ${collector.ports.http}}}]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traces, namespace: istio-system}
spec:
  tracing:
    - providers: [{name: ${provider}}]
      randomSamplingPercentage: 100
      customTags: {team: {header: {name: x-team}}, stage: {literal: {value: test}}}
`;

/** The spans of one trace, when there are so many. */
async function spansOf(traceId: string, count: number): Promise<readonly CollectedSpan[]> {
  return pair.mesh.until(`${count} spans`, async () => {
    const spans = collector.spans.filter((span) => span.traceId === traceId);
    if (spans.length < count) throw new Error(`there are ${spans.length} of ${collector.spans.length}`);
    return spans;
  });
}

beforeAll(async () => {
  await collector.start();
  const files = await pair.files(configuration('grpc'));
  // One ConfigMap for the mesh is enough.
  const { 'settings.yaml': _settings, ...others } = files;
  await pair.mesh.start(others);
  const [client, shop] = await Promise.all([pair.mesh.startSidecar('client'), pair.mesh.startSidecar('shop')]);
  pair.ports.outbound = client.sidecar?.outbound ?? 0;
  pair.ports.clientAdmin = client.sidecar?.admin ?? 0;
  pair.ports.inbound = shop.sidecar?.inbound[pair.ports.app] ?? 0;
  pair.ports.shopAdmin = shop.sidecar?.admin ?? 0;
  await pair.mesh.until('the first answer', async () => {
    const { responses } = await pair.run({ send: [get('/warm')] });
    if (!responses[0]?.start.includes('200')) throw new Error(String(responses[0]?.start));
  });
});
afterAll(async () => {
  await pair.dispose();
  collector.stop();
});

const TRACE = '463ac35c9f6413ad48485a3953bb6124';

describe('spans by OTLP', () => {
  it('continue the caller’s trace on both sides, over gRPC', async () => {
    const request = head(
      'GET /orders?secret=1 HTTP/1.1',
      'Host: shop',
      `traceparent: 00-${TRACE}-a2fb4a1d1a96d312-01`,
      'tracestate: vendor=1',
      'x-team: green',
    );
    const { received } = await pair.run({ send: [request] });
    const [client, server] = [...(await spansOf(TRACE, 2))].sort((a) => (a.kind === 'SPAN_KIND_CLIENT' ? -1 : 1));
    expect(client).toMatchObject({
      service: 'client.default',
      name: 'shop.default.svc.cluster.local:80/*',
      kind: 'SPAN_KIND_CLIENT',
      parentId: 'a2fb4a1d1a96d312',
    });
    expect(client?.attributes).toMatchObject({
      'http.response.status_code': 200,
      'istio.canonical_service': 'client',
      team: 'green',
      stage: 'test',
    });
    expect(server).toMatchObject({ service: 'shop.default', kind: 'SPAN_KIND_SERVER', parentId: client?.spanId });
    const seen = new Map(received[0]?.headers.map(([name, value]) => [name.toLowerCase(), value]));
    expect(seen.get('traceparent')).toBe(`00-${TRACE}-${server?.spanId}-01`);
    expect(seen.get('tracestate')).toBe('vendor=1');
    expect(seen.has('x-envoy-decorator-operation')).toBe(false);
    expect(collector.headers['x-team']).toBe('blue');
  });

  it('are not recorded where the caller does not sample', async () => {
    const trace = TRACE.replace('4', '5');
    await pair.run({ send: [head('GET / HTTP/1.1', 'Host: shop', `traceparent: 00-${trace}-a2fb4a1d1a96d312-00`)] });
    // A later request's spans have come, so this one's would have, too.
    const later = TRACE.replace('4', '6');
    await pair.run({ send: [head('GET / HTTP/1.1', 'Host: shop', `traceparent: 00-${later}-a2fb4a1d1a96d312-01`)] });
    await spansOf(later, 2);
    expect(collector.spans.filter(({ traceId }) => traceId === trace)).toEqual([]);
  });

  it('go over HTTP when the provider says so, without a restart', async () => {
    pair.mesh.write('extra.yaml', configuration('http'));
    const trace = TRACE.replace('4', '7');
    await pair.mesh.until('spans by HTTP', async () => {
      await pair.run({ send: [head('GET / HTTP/1.1', 'Host: shop', `traceparent: 00-${trace}-a2fb4a1d1a96d312-01`)] });
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(collector.headers['x-team']).toBe('red');
    });
    expect(collector.headers['content-type']).toBe('application/x-protobuf');
    expect((await spansOf(trace, 2)).length).toBeGreaterThan(1);
  });

  it('that nobody takes are dropped and counted, and no request fails for it', async () => {
    collector.stop();
    for (let i = 0; i < 20; i++) {
      const { responses } = await pair.run({ send: [get('/')] });
      expect(responses[0]?.start).toBe('HTTP/1.1 200 OK');
    }
    await pair.mesh.until('drops', async () => {
      const stats = await pair.admin('client', '/stats?filter=tracing.opentelemetry');
      expect(Number(/tracing\.opentelemetry\.spans_dropped: (\d+)/.exec(stats)?.[1])).toBeGreaterThan(0);
    });
  });
});
