import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkout } from '../support/demo-process.js';
import { TestMesh } from '../support/mesh.js';

const identity = (value: Buffer): Buffer => value;

/** A gRPC server without a sidecar that answers with its version. */
function serve(version: string): Promise<{ port: number; stop(): void }> {
  const server = new grpc.Server();
  server.addService(
    {
      hello: {
        path: '/test.Greeter/Hello',
        requestStream: false,
        responseStream: false,
        requestSerialize: identity,
        requestDeserialize: identity,
        responseSerialize: identity,
        responseDeserialize: identity,
      },
    },
    { hello: (_call: unknown, callback: grpc.sendUnaryData<Buffer>) => callback(null, Buffer.from(version)) },
  );
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve({ port, stop: () => server.forceShutdown() }) : reject(error),
    ),
  );
}

const workload = (version: string, port: number): string => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: greeter-${version}, namespace: default }
spec:
  address: 127.0.0.1
  ports: { grpc: ${port} }
  labels: { app: greeter, version: ${version}, sidecar.istio.io/inject: "false" }
  serviceAccount: greeter
`;

const SERVICE = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: greeter, namespace: default }
spec:
  hosts: [greeter.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 50051, name: grpc, protocol: GRPC }]
  workloadSelector: { labels: { app: greeter } }
`;

const ROUTES = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: greeter, namespace: default }
spec:
  hosts: [greeter]
  http:
    - route:
        - { destination: { host: greeter, subset: v1 }, weight: 75 }
        - { destination: { host: greeter, subset: v2 }, weight: 25 }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: greeter, namespace: default }
spec:
  host: greeter
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 } }
`;

describe('a proxyless client of @grpc/grpc-js-xds', () => {
  const mesh = new TestMesh();
  const servers: { stop(): void }[] = [];
  let address = '';

  beforeAll(async () => {
    const [v1, v2] = [await serve('v1'), await serve('v2')];
    servers.push(v1, v2);
    const files = { 'service.yaml': SERVICE, 'v1.yaml': workload('v1', v1.port), 'v2.yaml': workload('v2', v2.port) };
    const file = await mesh.start(files, ['--plaintext-xds-port', '0']);
    address = file.plaintextXdsAddress ?? '';
  });

  afterAll(async () => {
    for (const server of servers) server.stop();
    await mesh.dispose();
  });

  function client(count: string): ChildProcess {
    const config = {
      xds_servers: [{ server_uri: address, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] }],
      node: {
        id: 'sidecar~127.0.0.1~client.default~default.svc.cluster.local',
        metadata: { NAMESPACE: 'default', GENERATOR: 'grpc' },
        locality: {},
      },
    };
    const program = join(checkout, 'test', 'envoy', 'proxyless-client.mjs');
    return spawn(process.execPath, [program, 'xds:///greeter.default.svc.cluster.local:50051', count], {
      cwd: checkout,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(config) },
    });
  }

  function call(count: number): Promise<Record<string, number>> {
    return new Promise((resolve, reject) => {
      const child = client(String(count));
      let [out, err] = ['', ''];
      child.stdout?.on('data', (chunk: Buffer) => {
        out += chunk.toString();
      });
      child.stderr?.on('data', (chunk: Buffer) => {
        err += chunk.toString();
      });
      child.on('exit', (code) => {
        if (code === 0) resolve(JSON.parse(out) as Record<string, number>);
        else reject(new Error(`${err}\n${mesh.log.slice(-20).join('\n')}`));
      });
    });
  }

  it('resolves xds:/// from the control plane and reaches every endpoint', async () => {
    const answers = await call(20);
    expect(Object.values(answers).reduce((a, b) => a + b, 0)).toBe(20);
    expect(Object.keys(answers).sort()).toEqual(['v1', 'v2']);
  });

  it('follows weights and endpoints while it calls, without an error', async () => {
    const child = client('follow');
    const answers: string[] = [];
    if (child.stdout === null) throw new Error('no pipe');
    createInterface({ input: child.stdout }).on('line', (line) => answers.push(line));
    /** Resolves when the last hundred answers are as wanted. */
    const settled = (what: string, wanted: (share: (version: string) => number) => boolean): Promise<void> =>
      mesh.until(what, async () => {
        const recent = answers.slice(-100);
        const share = (version: string): number => recent.filter((answer) => answer === version).length;
        if (recent.length < 100 || !wanted(share)) throw new Error(recent.join(' '));
      });
    try {
      await settled('both', (share) => share('v1') > 0 && share('v2') > 0);
      mesh.write('routes.yaml', ROUTES);
      await settled('three quarters for v1', (share) => share('v1') > 60 && share('v2') > 10);
      mesh.write('routes.yaml', ROUTES.replace('weight: 75', 'weight: 0').replace('weight: 25', 'weight: 100'));
      await settled('all for v2', (share) => share('v2') === 100);
      const moved = await serve('v2, moved');
      servers.push(moved);
      mesh.write('v2.yaml', workload('v2', moved.port));
      await settled('the other endpoint', (share) => share('v2, moved') === 100);
      expect(answers.filter((answer) => answer.startsWith('error'))).toEqual([]);
      const [proxy] = await mesh.proxies();
      for (const { lastNack } of Object.values(proxy?.types ?? {})) expect(lastNack).toBeUndefined();
      expect(proxy?.dataPlane).toBe('grpc');
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('refused nothing', async () => {
    expect(mesh.log.filter((line) => line.includes('a proxy rejected'))).toEqual([]);
    for (const proxy of await mesh.proxies()) {
      for (const type of Object.values(proxy.types)) expect(type.lastNack).toBeUndefined();
    }
  });
});
