import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { count, DemoProcess } from '../support/demo-process.js';
import { program, startServer } from './programs.js';

const jar = program('zipkin.jar');

interface ZipkinSpan {
  readonly id: string;
  readonly parentId?: string;
  readonly name: string;
  readonly kind: 'CLIENT' | 'SERVER';
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

const tracing = (port: number): string => `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders: [{name: zipkin, zipkin: {service: zipkin.istio-system.svc.cluster.local, port: 9411}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: zipkin, namespace: istio-system}
spec:
  hosts: [zipkin.istio-system.svc.cluster.local]
  ports: [{name: http, number: 9411, protocol: HTTP}]
  resolution: STATIC
  location: MESH_EXTERNAL
  endpoints: [{address: 127.0.0.1, ports: {http: ${port}}}]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec: {tracing: [{providers: [{name: zipkin}], randomSamplingPercentage: 100}]}
`;

/** Its place in the tree, from the root: `service KIND`, joined by ` > `. */
function pathOf(span: ZipkinSpan, spans: ReadonlyMap<string, ZipkinSpan>): string {
  const own = `${span.localEndpoint.serviceName.replace('.default', '')} ${span.kind}`;
  if (span.parentId === undefined) return own;
  const parent = spans.get(span.parentId);
  return `${parent === undefined ? '?' : pathOf(parent, spans)} > ${own}`;
}

const PAGE = 'traffic CLIENT > productpage SERVER';
const REVIEWS = `${PAGE} > productpage CLIENT > reviews SERVER`;
const RATINGS = `${REVIEWS} > reviews CLIENT > ratings SERVER`;

describe.skipIf(jar === undefined)('traces of the demo, in a real Zipkin', () => {
  let zipkin: Awaited<ReturnType<typeof startServer>> | undefined;
  let demo: DemoProcess | undefined;

  beforeAll(async () => {
    zipkin = await startServer(
      'java',
      () => ['-Xmx256m', '-jar', jar!],
      (port) => ({ QUERY_PORT: String(port) }),
    );
    demo = new DemoProcess(['--rps', '10']);
    await demo.until('traffic on every hop', (line) => count(line, 'reviews-v2', 'ratings-v1') > 0, 90_000);
    demo.write('tracing.yaml', tracing(zipkin.port));
  }, 300_000);
  afterAll(async () => {
    await demo?.dispose();
    zipkin?.stop();
  });

  async function traces(): Promise<readonly (readonly ZipkinSpan[])[]> {
    const answer = await fetch(`http://127.0.0.1:${zipkin?.port}/api/v2/traces?limit=100&serviceName=ratings.default`);
    return (await answer.json()) as ZipkinSpan[][];
  }

  it('one visit is one trace with every hop, each below the one that caused it', { timeout: 90_000 }, async () => {
    const wanted = [
      'traffic CLIENT',
      PAGE,
      `${PAGE} > productpage CLIENT`,
      `${PAGE} > productpage CLIENT`,
      `${PAGE} > productpage CLIENT > details SERVER`,
      REVIEWS,
      `${REVIEWS} > reviews CLIENT`,
      RATINGS,
    ].sort();
    let seen: string[] = [];
    await expect
      .poll(
        async () => {
          const spans = (await traces()).find((trace) => trace.length >= wanted.length) ?? [];
          const byId = new Map(spans.map((span) => [span.id, span]));
          seen = spans.map((span) => pathOf(span, byId)).sort();
          return seen.length;
        },
        { timeout: 60_000, interval: 1000 },
      )
      .toBe(wanted.length);
    expect(seen).toEqual(wanted);
  });

  it('spans carry the names and tags that people look for', async () => {
    const all = (await traces()).flat();
    const span = all.find(
      ({ kind, localEndpoint }) => kind === 'SERVER' && localEndpoint.serviceName === 'ratings.default',
    );
    expect(span?.name).toBe('ratings.default.svc.cluster.local:9080/*');
    expect(span?.tags).toMatchObject({
      'http.method': 'GET',
      'http.status_code': '200',
      'istio.canonical_service': 'ratings',
      'istio.namespace': 'default',
      response_flags: '-',
    });
  });
});
