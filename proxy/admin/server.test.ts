import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { fromJson } from '../../common/xds/json.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { RequestWatch } from '../observe/request-watch.js';
import type { ClusterResources, Host } from '../upstream/cluster.js';
import { OutlierDetector } from '../upstream/outlier-detector.js';
import { TrafficStats } from '../upstream/traffic-stats.js';
import { type AdminServer, startAdmin } from './server.js';
import type { AdminSources, ResourceView, ServerState } from './sources.js';

const limits = (): ClusterResources => ({
  maxConnections: 1024,
  maxPendingRequests: 1024,
  maxRequests: 1024,
  maxRetries: 3,
  retryBudget: undefined,
  connections: 1,
  pending: 0,
  requests: 2,
  retries: 0,
  overflows: 5,
  connectionOverflows: 0,
  retryOverflows: 0,
  retriesBegun: 0,
  retrySuccesses: 0,
  retryLimits: 0,
  trackRemaining: false,
}); // prettier-ignore

const HOST: Host = {
  address: '10.0.0.1:80',
  ip: '10.0.0.1',
  port: 80,
  weight: 1,
  priority: 0,
  workload: undefined,
  meshTls: true,
  activeRequests: 2,
  stats: { total: 9, success: 8, error: 1, connectFail: 1, timeout: 0 },
  pool: undefined,
}; // prettier-ignore

const message = (typeUrl: string, json: unknown): object => {
  const read = fromJson(typeUrl, json);
  expect(read.errors).toEqual([]);
  return read.message;
};

function resources(): ResourceView[] {
  const base = { version: 'v7', lastUpdated: Date.UTC(2026, 0, 2), static: false };
  const secret = {
    name: 'default',
    tls_certificate: {
      certificate_chain: { inline_string: 'CERT' },
      private_key: { inline_bytes: Buffer.from('VERY SECRET').toString('base64') },
    },
  };
  return [
    {
      ...base,
      typeUrl: TYPE.cluster,
      name: 'c',
      message: message(TYPE.cluster, { name: 'c', connect_timeout: '1.5s' }),
    },
    { ...base, typeUrl: TYPE.cluster, name: 's', static: true, message: message(TYPE.cluster, { name: 's' }) },
    {
      ...base,
      typeUrl: TYPE.listener,
      name: 'l',
      message: message(TYPE.listener, { name: 'l' }),
      error: { details: 'bad', version: 'v8', time: Date.UTC(2026, 0, 3) },
    },
    { ...base, typeUrl: TYPE.route, name: '80', message: message(TYPE.route, { name: '80' }) },
    { ...base, typeUrl: TYPE.endpoint, name: 'c', message: message(TYPE.endpoint, { cluster_name: 'c' }) },
    { ...base, typeUrl: TYPE.secret, name: 'default', message: message(TYPE.secret, secret) },
  ]; // prettier-ignore
}

interface Calls {
  state: ServerState;
  level: string;
  readonly log: string[];
}

function traffic(): TrafficStats {
  const stats = new TrafficStats();
  stats.requests = 9;
  for (const status of [200, 200, 404]) stats.external.count(status);
  stats.internal.count(503);
  return stats;
}

function fakeSources(calls: Calls): AdminSources {
  return {
    state: () => calls.state,
    startTime: Date.UTC(2026, 0, 1),
    version: 'weft/0.1.0',
    node: () => ({ id: 'sidecar~1', cluster: 'x' }),
    bootstrap: () =>
      message('type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap', { node: { id: 'sidecar~1', cluster: 'x' } }),
    options: { concurrency: 1 },
    resources,
    clusters: () => [
      {
        name: 'c',
        addedViaApi: true,
        traffic: traffic(),
        defaultResources: limits(),
        highResources: limits(),
        tally: { hosts: 1, sound: 0 },
        hosts: [{ host: HOST, healthFlags: ['/failed_outlier_check'] }],
        outliers: {
          ...new OutlierDetector(undefined, { clock: systemClock, random: Math.random }, () => {}).stats,
          ejectionsActive: 1,
        },
      },
    ],
    listeners: () => [{ name: 'l', host: '127.0.0.1', port: 15001 }],
    certificates: () => [
      {
        path: '<inline>',
        roots: [],
        chain: [{ serialNumber: 'ab', subjectAltNames: [{ uri: 'spiffe://a' }], validFrom: 0, expiration: 1000 }],
      },
    ],
    registry: new Registry(),
    stats: () => [
      {
        scope: 'listener',
        tag: { label: 'listener_address', value: '0.0.0.0_15006' },
        stats: [{ name: 'downstream_cx_total', type: 'counter', value: 3 }],
      },
    ],
    requests: new RequestWatch(),
    tapAllowed: true,
    edges: () => ({ time: 1, monotonic: 2, pid: 3, edges: [] }),
    logLevel: {
      get: () => calls.level,
      set: (level) => {
        calls.level = level;
      },
    },
    drain: ({ inboundOnly }) => void calls.log.push(`drain ${inboundOnly}`),
    quit: () => void calls.log.push('quit'),
    reopenLogs: () => void calls.log.push('reopen'),
  };
}

let server: AdminServer | undefined;
afterEach(async () => server?.close());

async function start() {
  const calls: Calls = { state: 'LIVE', level: 'info', log: [] };
  server = await startAdmin({ host: '127.0.0.1', port: 0 }, fakeSources(calls));
  const ask = async (path: string, method = 'GET', headers: Record<string, string> = {}) => {
    const response = await fetch(`http://127.0.0.1:${server?.port}${path}`, { method, headers });
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
  };
  return { calls, ask };
}

describe('admin server', () => {
  it('is ready only when live', async () => {
    const { calls, ask } = await start();
    expect(await ask('/ready')).toMatchObject({ status: 200, body: 'LIVE\n', type: 'text/plain; charset=UTF-8' });
    calls.state = 'PRE_INITIALIZING';
    expect(await ask('/ready')).toMatchObject({ status: 503, body: 'PRE_INITIALIZING\n' });
    calls.state = 'DRAINING';
    expect(await ask('/healthz/ready')).toMatchObject({ status: 503, body: 'DRAINING\n' });
  });

  it('changes things by POST only', async () => {
    const { calls, ask } = await start();
    for (const path of ['/quitquitquit', '/drain', '/drain_listeners', '/reopen_logs']) {
      expect(await ask(path)).toMatchObject({ status: 405, body: 'Method GET not allowed, POST required.' });
    }
    expect(await ask('/ready', 'DELETE')).toMatchObject({ status: 405 });
    expect(calls.log).toEqual([]);
    expect(await ask('/quitquitquit', 'POST')).toMatchObject({ status: 200, body: 'OK\n' });
    await ask('/drain', 'POST');
    await ask('/drain_listeners?inboundonly', 'POST');
    await ask('/reopen_logs', 'POST');
    expect(calls.log).toEqual(['quit', 'drain false', 'drain true', 'reopen']);
  });

  it('refuses what a page in a browser posts', async () => {
    const { calls, ask } = await start();
    expect(await ask('/quitquitquit', 'POST', { origin: 'https://evil.example' })).toMatchObject({ status: 403 });
    expect(calls.log).toEqual([]);
  });

  it.each([
    ['evil.example', 403],
    ['localhost.evil.example:15000', 403],
    ['127.0.0.1.evil.example', 403],
    ['127.0.0.1@evil.example', 403],
    ['localhost:15000', 200],
    ['[::1]:15000', 200],
    ['127.0.0.5', 200],
  ])('a page that DNS leads here reads nothing: Host %s gives %d', async (host, status) => {
    await start();
    const answered = await new Promise((resolve, reject) => {
      const call = request({ port: server?.port, path: '/config_dump', headers: { host }, agent: false }, (response) =>
        resolve(response.resume().statusCode),
      );
      call.on('error', reject).end();
    });
    expect(answered).toBe(status);
  });

  it('shows and sets the log level', async () => {
    const { calls, ask } = await start();
    expect((await ask('/logging')).body).toContain('info');
    expect((await ask('/logging?level=warning', 'POST')).status).toBe(200);
    expect(calls.level).toBe('warn');
    expect(await ask('/logging?level=loud', 'POST')).toMatchObject({
      status: 400,
      body: expect.stringContaining('unknown logger level'),
    });
    expect((await ask('/logging?level=constructor', 'POST')).status).toBe(400);
  });

  it('lists its commands for an unknown path', async () => {
    const { ask } = await start();
    expect(await ask('/nope')).toMatchObject({
      status: 404,
      body: expect.stringMatching(/^invalid path\. admin commands are:\n {2}\//),
    });
    expect((await ask('/help')).body).toContain('/quitquitquit (POST): exit the server');
    expect((await ask('/')).type).toContain('text/html');
    expect((await ask('/constructor')).status).toBe(404);
  });

  it('dumps the configuration in the shape of Envoy, without keys', async () => {
    const { ask } = await start();
    const answer = await ask('/config_dump?include_eds');
    expect(answer.body).not.toContain(Buffer.from('VERY SECRET').toString('base64'));
    const { configs } = JSON.parse(answer.body) as { configs: Record<string, unknown>[] };
    expect(configs.map((config) => String(config['@type']).split('.').at(-1))).toEqual([
      'BootstrapConfigDump',
      'ClustersConfigDump',
      'EndpointsConfigDump',
      'ListenersConfigDump',
      'RoutesConfigDump',
      'SecretsConfigDump',
    ]); // prettier-ignore
    expect(configs[1]).toMatchObject({
      version_info: 'v7',
      static_clusters: [{ cluster: { '@type': TYPE.cluster, name: 's' } }],
      dynamic_active_clusters: [
        { version_info: 'v7', cluster: { name: 'c', connect_timeout: '1.500s' }, last_updated: '2026-01-02T00:00:00Z' },
      ],
    });
    expect((configs[3]!['dynamic_listeners'] as object[])[0]).toMatchObject({
      name: 'l',
      active_state: { listener: { name: 'l' } },
      error_state: { details: 'bad', version_info: 'v8' },
    });
    expect(configs[5]).toHaveProperty('dynamic_active_secrets.0.secret.tls_certificate', {
      certificate_chain: { inline_string: 'CERT' },
      private_key: { inline_bytes: Buffer.from('[redacted]').toString('base64') },
    });
    expect((await ask('/config_dump')).body).not.toContain('EndpointsConfigDump');
  });

  const dumps: [query: string, status: number, body: unknown][] = [
    [
      'resource=dynamic_active_clusters&mask=cluster.name',
      200,
      {
        configs: [
          {
            '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump.DynamicCluster',
            cluster: { '@type': TYPE.cluster, name: 'c' },
          },
        ],
      },
    ],
    [
      'mask=bootstrap.node.id',
      200,
      {
        configs: [
          {
            '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump',
            bootstrap: { node: { id: 'sidecar~1' } },
          },
        ],
      },
    ],
    ['resource=bootstrap', 400, 'bootstrap is not a repeated field. Use ?mask=bootstrap to get only this field'],
    ['resource=constructor', 404, 'constructor not found in config dump'],
    ['resource=nosuch', 404, 'nosuch not found in config dump'],
    ['resource=static_secrets', 200, { configs: [] }],
    ['resource=dynamic_active_clusters&name_regex=x.*', 200, { configs: [] }],
    ['name_regex=(', 400, 'Error while parsing name_regex from ('],
  ]; // prettier-ignore
  it.each(dumps)('config_dump?%s', async (query, status, body) => {
    const { ask } = await start();
    const answer = await ask(`/config_dump?${query}`);
    expect(answer.status).toBe(status);
    expect(typeof body === 'string' ? answer.body : JSON.parse(answer.body)).toEqual(body);
  });

  it('shows clusters', async () => {
    const { ask } = await start();
    const { body } = await ask('/clusters');
    for (const line of [
      'c::default_priority::max_connections::1024',
      'c::high_priority::max_retries::3',
      'c::added_via_api::true',
      'c::10.0.0.1:80::rq_total::9',
      'c::10.0.0.1:80::health_flags::/failed_outlier_check',
    ]) {
      expect(body.split('\n')).toContain(line);
    }
    const json = JSON.parse((await ask('/clusters?format=json')).body);
    expect(json.cluster_statuses[0]).toMatchObject({
      name: 'c',
      host_statuses: [
        {
          address: { socket_address: { address: '10.0.0.1', port_value: 80 } },
          health_status: { failed_outlier_check: true },
        },
      ],
    });
  });

  it('shows listeners, certificates, server information and edges', async () => {
    const { ask } = await start();
    expect((await ask('/listeners')).body).toBe('l::127.0.0.1:15001\n');
    expect(JSON.parse((await ask('/listeners?format=json')).body).listener_statuses[0].name).toBe('l');
    expect(JSON.parse((await ask('/certs')).body).certificates[0].cert_chain[0]).toMatchObject({
      serial_number: 'ab',
      days_until_expiration: '0',
      expiration_time: '1970-01-01T00:00:01.000Z',
    });
    expect(JSON.parse((await ask('/server_info')).body)).toMatchObject({ state: 'LIVE', node: { id: 'sidecar~1' } });
    expect(JSON.parse((await ask('/weft/edges')).body)).toEqual({ time: 1, monotonic: 2, pid: 3, edges: [] });
  });

  it('shows statistics as text, JSON and for Prometheus', async () => {
    const { ask } = await start();
    expect((await ask('/stats?filter=upstream_rq_(total|pending_overflow)')).body).toBe(
      'cluster.c.upstream_rq_pending_overflow: 10\ncluster.c.upstream_rq_total: 9\n',
    );
    expect(JSON.parse((await ask('/stats?format=json&filter=server.live')).body)).toEqual({
      stats: [{ name: 'server.live', value: 1 }],
    });
    const { body, type } = await ask('/stats/prometheus');
    expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(body.split('\n')).toEqual(
      expect.arrayContaining([
        '# TYPE envoy_cluster_upstream_rq_total counter',
        'envoy_cluster_upstream_rq_total{cluster_name="c"} 9',
        'envoy_cluster_upstream_rq_200{cluster_name="c"} 2',
        'envoy_cluster_upstream_rq_completed{cluster_name="c"} 4',
        'envoy_cluster_internal_upstream_rq{cluster_name="c",response_code_class="5xx"} 1',
        'envoy_cluster_outlier_detection_ejections_active{cluster_name="c"} 1',
        'envoy_listener_downstream_cx_total{listener_address="0.0.0.0_15006"} 3',
        'envoy_server_live 1',
      ]),
    );
    expect((await ask('/stats?format=prometheus')).body).toContain('envoy_server_uptime');
    expect((await ask('/stats?filter=(')).status).toBe(400);
    expect((await ask('/stats?format=xml')).status).toBe(400);
  });

  it('answers HEAD without a body, and survives garbage', async () => {
    const { ask } = await start();
    expect(await ask('/ready', 'HEAD')).toMatchObject({ status: 200, body: '' });
    const socket = connect(server?.port ?? 0, '127.0.0.1');
    socket.end('GARBAGE\r\n\r\n');
    await new Promise((resolve) => socket.on('close', resolve).resume());
    expect((await ask('/ready')).status).toBe(200);
  });

  it('listens on loopback only, and says when the port is taken', async () => {
    const sources = fakeSources({ state: 'LIVE', level: 'info', log: [] });
    await expect(startAdmin({ host: '0.0.0.0', port: 0 }, sources)).rejects.toThrow('not a loopback address');
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    const { port } = blocker.address() as { port: number };
    await expect(startAdmin({ host: '127.0.0.1', port }, sources)).rejects.toThrow(/EADDRINUSE/);
    blocker.close();
  });
});
