import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Server as NetServer } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestCa } from '../tls/testing.js';
import { scrapeTarget } from './merged-metrics.js';
import { readProbers } from './probers.js';
import { type StatusSources, startStatusServers } from './status-server.js';

const closing: (() => void)[] = [];
let calls: string[];
let ready: boolean;

beforeEach(() => {
  calls = [];
  ready = true;
});
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listen(server: NetServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function app(handler: RequestListener): Promise<number> {
  const server: Server = createServer(handler);
  closing.push(() => server.closeAllConnections());
  return listen(server);
}

async function start(over: Partial<StatusSources> = {}) {
  const servers = await startStatusServers(
    { status: 0, health: 0, metrics: 0 },
    {
      ready: () => ready,
      metrics: () => Readable.from(['istio_requests_total 1\n']),
      application: undefined,
      probers: new Map(),
      probeTarget: { ip: '127.0.0.1', source: '127.0.0.6' },
      quit: () => calls.push('quit'),
      drain: () => calls.push('drain'),
      warn: (text) => calls.push(text),
      ...over,
    },
  );
  closing.push(() => void servers.close());
  const { status = 0, health, metrics } = servers.ports;
  return { ports: { status, health, metrics } };
}

async function get(port: number, path: string, init: RequestInit = {}) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

describe('readiness', () => {
  it('is told on one port where the other is off', async () => {
    const servers = await startStatusServers({ status: undefined, health: 0, metrics: 0 }, {
      ready: () => true,
    } as StatusSources);
    closing.push(() => void servers.close());
    expect(servers.ports.status).toBeUndefined();
    expect((await get(servers.ports.health, '/healthz/ready')).status).toBe(200);
  });

  it('is told on both ports', async () => {
    const { ports } = await start();
    expect((await get(ports.health, '/healthz/ready')).status).toBe(200);
    ready = false;
    expect((await get(ports.health, '/healthz/ready')).status).toBe(503);
    expect((await get(ports.status, '/healthz/ready')).status).toBe(503);
    expect((await get(ports.health, '/stats/prometheus')).status).toBe(404);
  });
});

describe('metrics', () => {
  it("are ours alone on one port, and the application's with them on the other", async () => {
    const port = await app((request, response) => {
      response.setHeader('content-type', 'text/plain');
      response.end(`app_total{path="${request.url}",accept="${request.headers.accept?.split(';')[0]}"} 2`);
    });
    const { ports } = await start({ application: { port, path: '/m?x=1' } });
    expect((await get(ports.metrics, '/stats/prometheus')).body).toBe('istio_requests_total 1\n');
    const merged = await get(ports.status, '/stats/prometheus');
    expect(merged).toEqual({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      body: 'istio_requests_total 1\napp_total{path="/m?x=1",accept="text/plain"} 2\n',
    });
  });

  it('of an application that speaks OpenMetrics lose what the plain format has not', async () => {
    const port = await app((_request, response) => {
      response.setHeader('content-type', 'application/openmetrics-text; version=1.0.0; charset=utf-8');
      response.end(
        '# TYPE a counter\n# UNIT a seconds\na_total{x="} #\\"1"} 3 1700000000.5 # {id="7"} 1\nb 4\n# EOF\n',
      );
    });
    const { ports } = await start({ application: { port, path: '/metrics' } });
    expect((await get(ports.status, '/metrics')).body).toBe(
      'istio_requests_total 1\n# TYPE a counter\na_total{x="} #\\"1"} 3\nb 4\n',
    );
  });

  it.each([
    ['answers with an error', (_request, response) => void response.writeHead(500).end('no')],
    ['hangs up', (request) => void request.socket.destroy()],
    ['does not answer', () => undefined],
  ] as [string, RequestListener][])('of ours stay when the application %s', async (_name, handler) => {
    const port = await app(handler);
    const { ports } = await start({ application: { port, path: '/metrics' } });
    const headers = { 'x-prometheus-scrape-timeout-seconds': '0.2' };
    const answer = await get(ports.status, '/stats/prometheus', { headers });
    expect(answer.body).toBe('istio_requests_total 1\n');
    expect(calls).toEqual([expect.stringContaining('metrics of the application are missing')]);
  });

  it.each([
    ['', undefined],
    ['{', undefined],
    ['{"scrape":"false","port":"80"}', undefined],
    ['{"scrape":"true"}', { port: 80, path: '/metrics' }],
    ['{"scrape":"","path":"","port":"8080"}', { port: 8080, path: '/metrics' }],
    ['{"scrape":"true","path":"m","port":"8080"}', { port: 8080, path: '/m' }],
    ['{"scrape":"true","port":"15020","path":"/stats/prometheus"}', undefined],
  ])('annotations %s lead to %j', (json, expected) => {
    expect(scrapeTarget(json, [15020])).toEqual(expected);
  });
});

describe('commands', () => {
  it('come by POST', async () => {
    const { ports } = await start();
    expect((await get(ports.status, '/quitquitquit')).status).toBe(405);
    expect((await get(ports.status, '/drain', { method: 'POST' })).status).toBe(200);
    expect((await get(ports.status, '/quitquitquit', { method: 'POST' })).status).toBe(200);
    expect(calls).toEqual(['drain', 'quit']);
  });
});

describe("the application's probes", () => {
  async function ask(probe: object, headers: Record<string, string> = {}) {
    const path = '/app-health/hello/readyz';
    const { ports } = await start({
      probers: readProbers(JSON.stringify({ [path]: { timeoutSeconds: 1, ...probe } })),
    });
    expect((await get(ports.status, '/app-health/hello/livez')).status).toBe(404);
    return get(ports.status, path, { headers });
  }

  it('by HTTP carry the headers of the kubelet and of the probe, from an address that is not captured', async () => {
    const port = await app((request, response) => {
      const { host, 'user-agent': agent, 'x-probe': own } = request.headers;
      response.writeHead(201).end([request.url, host, agent, own, request.socket.remoteAddress].join(' '));
    });
    const httpHeaders = [
      { name: 'Host', value: 'example.com' },
      { name: 'X-Probe', value: 'yes' },
    ];
    const answer = await ask(
      { httpGet: { path: '/ready?x=1', port, httpHeaders } },
      { 'user-agent': 'kube-probe/1.34' },
    );
    expect(answer).toMatchObject({ status: 201, body: '/ready?x=1 example.com kube-probe/1.34 yes 127.0.0.6' });
  });

  it('by HTTP follow redirects on the same host only', async () => {
    const port = await app((request, response) => {
      const location = { '/': '/next', '/away': 'http://example.com/', '/loop': '/loop' }[request.url ?? ''];
      response.writeHead(location === undefined ? 200 : 302, location === undefined ? {} : { location }).end();
    });
    expect((await ask({ httpGet: { path: '/', port } })).status).toBe(200);
    expect((await ask({ httpGet: { path: '/away', port } })).status).toBe(302);
    expect((await ask({ httpGet: { path: '/loop', port } })).status).toBe(500);
  });

  it('by HTTPS do not look at the certificate', async () => {
    const { certificateChain: cert, privateKey: key } = new TestCa().issue('spiffe://x/ns/a/sa/b');
    const port = await listen(createHttpsServer({ cert, key }, (_request, response) => void response.end('ok')));
    expect((await ask({ httpGet: { path: '/', port, scheme: 'HTTPS' } })).body).toBe('ok');
  });

  it('by HTTP give up', async () => {
    const port = await app(() => undefined);
    expect(await ask({ timeoutSeconds: 0.1, httpGet: { port } })).toMatchObject({
      status: 500,
      body: 'no answer in time',
    });
  });

  it('by TCP want a connection', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    expect((await ask({ tcpSocket: { port } })).status).toBe(200);
    server.close();
    await once(server, 'close');
    expect((await ask({ tcpSocket: { port } })).status).toBe(500);
  });

  it('by gRPC want SERVING', async () => {
    const server = createHttp2Server();
    server.on('stream', (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        expect(headers[':path']).toBe('/grpc.health.v1.Health/Check');
        const known = Buffer.concat(chunks).subarray(7).toString() === 'shop';
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': known ? '0' : '5' }));
        stream.end(known ? Buffer.from([0, 0, 0, 0, 2, 8, 1]) : undefined);
      });
    });
    const port = await listen(server);
    expect((await ask({ grpc: { port, service: 'shop' } })).status).toBe(200);
    expect(await ask({ grpc: { port, service: 'other' } })).toMatchObject({ status: 500, body: 'grpc-status 5' });
  });

  it.each([
    ['[]', 'not an object'],
    ['{"/x": {}}', 'not the path of a probe'],
    ['{"/app-health/a/livez": {"exec": {}}}', 'neither httpGet'],
    ['{"/app-health/a/livez": {"httpGet": {"port": "http"}}}', 'no port number'],
  ])('%s is refused', (json, message) => {
    expect(() => readProbers(json)).toThrow(message);
  });
});

it('says which port is taken', async () => {
  const { ports } = await start();
  await expect(
    startStatusServers({ status: ports.status, health: 0, metrics: 0 }, {} as StatusSources),
  ).rejects.toThrow(`port ${ports.status}`);
  // The port that was free is free again.
  const probe = connect(ports.status, '127.0.0.1');
  await once(probe, 'connect');
  probe.destroy();
});
