import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OtlpCollector } from '../support/otlp-collector.js';
import { head, SidecarPair } from './sidecar/pair.js';

const collector = new OtlpCollector();
const pair = new SidecarPair();

const configuration = (telemetry: string): string => `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
      - {name: logs, envoyOtelAls: {service: collector.test, port: 4317, logFormat: {text: "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE%", labels: {team: "%REQ(X-TEAM)%", cluster: "%UPSTREAM_CLUSTER_RAW%"}}}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: collector}
spec:
  hosts: [collector.test]
  ports: [{name: grpc, number: 4317, protocol: GRPC}]
  resolution: STATIC
  location: MESH_EXTERNAL
  endpoints: [{address: 127.0.0.1, ports: {grpc: ${collector.ports.grpc}}}]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec: ${telemetry}
`;

const METRICS = `
  metrics:
    - overrides:
        - match: {metric: REQUEST_COUNT, mode: SERVER}
          tagOverrides:
            team: {value: "request.headers['x-team']"}
            source_principal: {operation: REMOVE}
        - match: {metric: REQUEST_SIZE, mode: SERVER}
          disabled: true`;
const LOGS = `
  accessLogging:
    - {providers: [{name: logs}], match: {mode: CLIENT}, filter: {expression: "request.headers['x-team'] == 'blue' && response.code == 200"}}`;

const call = (path: string, team: string) =>
  pair.run({ send: [head(`GET ${path} HTTP/1.1`, 'Host: shop', ...(team === '' ? [] : [`x-team: ${team}`]))] });

beforeAll(async () => {
  await collector.start();
  const { 'settings.yaml': _settings, ...others } = await pair.files(configuration(`{}`));
  await pair.mesh.start(others);
  const [client, shop] = await Promise.all([pair.mesh.startSidecar('client'), pair.mesh.startSidecar('shop')]);
  pair.ports.outbound = client.sidecar?.outbound ?? 0;
  pair.ports.clientAdmin = client.sidecar?.admin ?? 0;
  pair.ports.inbound = shop.sidecar?.inbound[pair.ports.app] ?? 0;
  pair.ports.shopAdmin = shop.sidecar?.admin ?? 0;
  await pair.mesh.until('the first answer', async () => {
    const { responses } = await call('/warm', '');
    if (!responses[0]?.start.includes('200')) throw new Error(String(responses[0]?.start));
  });
});
afterAll(async () => {
  await pair.dispose();
  collector.stop();
});

describe('Telemetry on running sidecars', () => {
  it('makes tags of expressions, takes tags away and switches metrics off, where it says so', async () => {
    expect(await pair.admin('shop', '/stats/prometheus')).toMatch(/istio_request_bytes_count\{reporter="destination"/);
    pair.mesh.write('extra.yaml', configuration(METRICS));
    const text = await pair.mesh.until('the tag', async () => {
      await call('/a', 'blue');
      const found = await pair.admin('shop', '/stats/prometheus');
      expect(found).toMatch(/istio_requests_total\{[^}]*team="blue"/);
      return found;
    });
    expect(text).not.toMatch(/istio_requests_total\{[^}]*source_principal/);
    expect(text).toMatch(/istio_request_duration_milliseconds_count\{[^}]*source_principal/);
    expect(text).not.toContain('istio_request_bytes_count');
    const client = await pair.admin('client', '/stats/prometheus');
    expect(client).toContain('istio_request_bytes_count');
    expect(client).not.toContain('team=');
    await call('/a', '');
    expect(await pair.admin('shop', '/stats/prometheus')).toMatch(/istio_requests_total\{[^}]*team="unknown"/);
  });

  it('is taken back without a restart', async () => {
    pair.mesh.write('extra.yaml', configuration('{}'));
    await pair.mesh.until('the metric', async () => {
      await call('/b', '');
      const found = await pair.admin('shop', '/stats/prometheus');
      expect(found).toContain('istio_request_bytes_count');
      expect(found).not.toContain('team=');
    });
  });

  it('sends the logs that an expression chooses to a collector', async () => {
    pair.mesh.write('extra.yaml', configuration(LOGS));
    await pair.mesh.until('a log record', async () => {
      await call('/c?x=1', 'red');
      await call('/c?x=1', 'blue');
      if (collector.logs.length === 0) throw new Error('there is none');
    });
    expect(new Set(collector.logs.map(({ body }) => body))).toEqual(new Set(['GET /c?x=1 200\n'.trimEnd()]));
    expect(collector.logs[0]?.attributes).toEqual({
      team: 'blue',
      cluster: 'outbound|80||shop.default.svc.cluster.local',
    });
  });

  it('drops and counts what no collector takes, and no request fails for it', async () => {
    collector.stop();
    for (let i = 0; i < 20; i++) {
      const { responses } = await call('/d', 'blue');
      expect(responses[0]?.start).toBe('HTTP/1.1 200 OK');
    }
    await pair.mesh.until('drops', async () => {
      const stats = await pair.admin('client', '/stats?filter=access_logs');
      expect(Number(/logs_dropped: (\d+)/.exec(stats)?.[1])).toBeGreaterThan(0);
    });
  });
});
