import { createServer, request, type Server } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getText } from '../../cli/mesh/http.js';
import { locateControlPlane } from '../../cli/mesh/locate.js';
import type { WorkloadListing } from '../../cli/mesh/workloads.js';
import { TestMesh } from '../support/mesh.js';

const MESH = (port: number): string => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: client, namespace: default }
spec: { address: 127.0.0.1, ports: { http: 9 }, labels: { app: client }, serviceAccount: client }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: server, namespace: default }
spec: { address: 127.0.0.1, ports: { http: ${port} }, labels: { app: server }, serviceAccount: server }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: server, namespace: default }
spec:
  hosts: [server.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  workloadSelector: { labels: { app: server } }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
`;

const OTHER = `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: other, namespace: default }
spec: { address: 127.0.0.1, ports: { http: 10 }, labels: { app: other }, serviceAccount: other }
`;

function listen<S extends Server | TcpServer>(server: S, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

describe('a port of a sidecar that somebody else has taken', () => {
  const mesh = new TestMesh();
  const application = createServer((_request, response) => response.end('hello'));
  const foreign: TcpServer[] = [];
  let client: WorkloadListing;

  const occupy = async (port: number | undefined): Promise<void> => {
    const server = createTcpServer((socket) => socket.destroy());
    foreign.push(server);
    await listen(server, port);
  };

  beforeAll(async () => {
    await mesh.start({ 'mesh.yaml': MESH(await listen(application)) });
    client = await mesh.startSidecar('client');
  });

  afterAll(async () => {
    await mesh.dispose();
    application.close();
    for (const server of foreign) server.close();
  });

  it('is named by the proxy and replaced by the control plane, and the mesh works', async () => {
    const before = await mesh.workload('server');
    const [inbound] = Object.values(before.sidecar?.inbound ?? {});
    await occupy(inbound);
    await occupy(before.sidecar?.outbound);

    const { debugUrl } = locateControlPlane(mesh.state);
    await mesh.startSidecar('server');
    const after = await mesh.until('other ports', async () => {
      const now = await mesh.workload('server');
      const [port] = Object.values(now.sidecar?.inbound ?? {});
      expect(port).not.toBe(inbound);
      expect(now.sidecar?.outbound).not.toBe(before.sidecar?.outbound);
      return now;
    });
    expect(mesh.log.join('\n')).toContain(`cannot bind 127.0.0.1:${inbound}: address already in use`);
    expect(after.sidecar?.admin).toBe(before.sidecar?.admin);

    await mesh.until('an answer through the new port', async () => {
      const { status, text } = await viaProxy(client, 'http://server/');
      expect([status, text]).toEqual([200, 'hello']);
    });
    // What was refused is gone, so nothing stands refused.
    await mesh.until('agreement', async () => {
      for (const { types } of await mesh.proxies()) {
        for (const [type, { status, lastNack }] of Object.entries(types)) {
          expect([type, status, lastNack]).toEqual([type, 'SYNCED', undefined]);
        }
      }
    });
    expect(await getText(`${debugUrl}/metrics`)).toMatch(/pilot_total_xds_rejects\{type="lds"\} [1-9]/);
  });

  it('is replaced before the proxy starts when it is the admin port, and left alone when the proxy itself has it', async () => {
    mesh.write('other.yaml', OTHER);
    const before = await mesh.until('the workload', () => mesh.workload('other'));
    await occupy(before.sidecar?.admin);
    const { debugUrl } = locateControlPlane(mesh.state);
    await getText(`${debugUrl}/debug/bootstrap?workload=default/other`);
    const after = await mesh.startSidecar('other');
    expect(after.sidecar?.admin).not.toBe(before.sidecar?.admin);
    await getText(`${debugUrl}/debug/bootstrap?workload=default/other`);
    expect((await mesh.workload('other')).sidecar).toEqual(after.sidecar);
  });
});

function viaProxy(via: WorkloadListing, url: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port: via.sidecar?.outbound, path: url, headers: { host: new URL(url).host } },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    call.on('error', reject);
    call.end();
  });
}
