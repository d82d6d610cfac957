import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../../cli/demo/free-ports.js';
import { all } from '../../support/field-mesh.js';
import { exchange } from '../../support/raw-client.js';
import { answer, type ReceivedRequest } from '../../support/scripted-upstream.js';
import { fieldOf, get, head, SidecarPair } from '../sidecar/pair.js';
import { type Field, get as get2, sendHttp2 } from './raw-http2.js';

/** A gateway process before `shop`, and clients outside of the mesh. */
const pair = new SidecarPair();
let port = 0;

const gateway = (): string =>
  all(
    `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: gateway, annotations: {inject.istio.io/templates: gateway}}
spec: {address: 127.0.0.1, ports: {http: ${port}}, serviceAccount: gateway, labels: {app: gateway}}
`,
    `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: gateway}
spec:
  hosts: [gateway.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: gateway}}
`,
    `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec: {selector: {app: gateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
`,
    `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge}
spec: {hosts: ["*"], gateways: [edge], http: [{route: [{destination: {host: shop.default.svc.cluster.local}}]}]}
`,
  );

beforeAll(async () => {
  [port = 0] = await freePorts(1);
  await pair.start(gateway());
  await pair.mesh.startSidecar('gateway');
  await pair.mesh.until('the way through the gateway', async () => {
    expect(await http1(get('/warm'))).toHaveLength(1);
  });
});
afterAll(() => pair.dispose());

async function http1(bytes: string): Promise<readonly ReceivedRequest[]> {
  pair.app.reset(() => answer(200, 'ok'));
  await exchange(port, { send: [bytes, { wait: 30 }, 'end'], responses: 0, timeoutMs: 2000 });
  return [...pair.app.received];
}

async function http2(fields: readonly Field[], body?: string): Promise<readonly ReceivedRequest[]> {
  pair.app.reset(() => answer(200, 'ok'));
  await sendHttp2(port, fields, body);
  return [...pair.app.received];
}

const FORGED = [
  'x-forwarded-client-cert',
  'x-request-id',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'x-envoy-internal',
  'x-envoy-external-address',
  'x-envoy-original-dst-host',
  'x-envoy-original-path',
  'x-envoy-original-host',
  'x-envoy-original-url',
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-force-trace',
  'x-envoy-ip-tags',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-attempt-count',
] as const;

describe('forged from outside at a gateway', () => {
  it.each(FORGED)('%s does not pass, by HTTP/1.1 or HTTP/2, once or twice', async (name) => {
    const value = 'URI=spiffe://cluster.local/ns/default/sa/forged';
    const field: Field = [name, value];
    const all = [
      await http1(get('/', `${name}: ${value}`)),
      await http1(get('/', `${name.toUpperCase()}: ${value}`, `${name}: ${value}`)),
      await http2(get2('/', field)),
      await http2(get2('/', field, field)),
    ];
    for (const received of all) {
      expect(received).toHaveLength(1);
      expect(JSON.stringify(received[0])).not.toContain('forged');
      expect(fieldOf(received[0], 'x-forwarded-client-cert')).toMatch(
        /^[^,]*URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/gateway$/,
      );
      expect(fieldOf(received[0], 'x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it.each([
    ['a trailer', 'Transfer-Encoding: chunked', '0\r\nX-Forwarded-Client-Cert: URI=spiffe://forged\r\n\r\n'],
    ['a hop-by-hop name', 'Connection: x-forwarded-client-cert, x-request-id', ''],
  ])('neither identity nor request id is lost or believed by way of %s', async (_what, line, body) => {
    const received = await http1(`${head('POST / HTTP/1.1', 'Host: shop', line)}${body}`);
    expect(JSON.stringify(received)).not.toContain('forged');
    expect(fieldOf(received[0], 'x-forwarded-client-cert')).toContain('sa/gateway');
    expect(fieldOf(received[0], 'x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
