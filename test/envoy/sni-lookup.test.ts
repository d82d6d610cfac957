import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../cli/demo/free-ports.js';
import { weft } from '../support/demo-process.js';
import { findEnvoy } from '../support/envoy.js';
import { untilReady } from '../support/ready.js';
import { startTlsEcho, type TlsEcho } from '../support/tls-echo.js';

const envoyPath = findEnvoy();
const CACHE = { name: 'outside', dns_lookup_family: 'V4_ONLY' };

/** One bootstrap that either data plane starts from: TLS for any name is relayed to what the name leads to. */
const bootstrap = (port: number, admin: number, target: number): object => ({
  node: { id: 'sni', cluster: 'sni' },
  admin: { address: { socket_address: { address: '127.0.0.1', port_value: admin } } },
  static_resources: {
    listeners: [
      {
        name: 'tls',
        address: { socket_address: { address: '127.0.0.1', port_value: port } },
        listener_filters: [
          {
            name: 'envoy.filters.listener.tls_inspector',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
            },
          },
        ],
        filter_chains: [
          {
            filters: [
              {
                name: 'envoy.filters.network.sni_dynamic_forward_proxy',
                typed_config: {
                  '@type':
                    'type.googleapis.com/envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig',
                  port_value: target,
                  dns_cache_config: CACHE,
                },
              },
              {
                name: 'envoy.filters.network.tcp_proxy',
                typed_config: {
                  '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
                  stat_prefix: 'tls',
                  cluster: 'outside',
                },
              },
            ],
          },
        ],
      },
    ],
    clusters: [
      {
        name: 'outside',
        lb_policy: 'CLUSTER_PROVIDED',
        connect_timeout: '2s',
        cluster_type: {
          name: 'envoy.clusters.dynamic_forward_proxy',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig',
            dns_cache_config: CACHE,
            allow_insecure_cluster_options: true,
          },
        },
      },
    ],
  },
});

/** What the server behind the name says, or the end without it. */
function ask(port: number, servername: string | undefined): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...(servername && { servername }) });
    let text = '';
    socket.on('secureConnect', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text === '' ? 'closed' : (/sni=\S+/.exec(text)?.[0] ?? text)));
  });
}

describe.skipIf(envoyPath === undefined)('TLS to whatever its server name leads to, by Envoy and by us', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-sni-'));
  const stop: (() => void)[] = [];
  const ports = { envoy: 0, weft: 0 };
  let echo: TlsEcho;

  beforeAll(async () => {
    echo = await startTlsEcho(folder);
    const [envoy = 0, envoyAdmin = 0, own = 0, ownAdmin = 0] = await freePorts(4);
    Object.assign(ports, { envoy, weft: own });
    for (const [program, args, port, admin] of [
      [envoyPath!, [], envoy, envoyAdmin],
      [process.execPath, [weft, 'proxy'], own, ownAdmin],
    ] as const) {
      const file = join(folder, `${port}.json`);
      writeFileSync(file, JSON.stringify(bootstrap(port, admin, echo.port)));
      const child = spawn(program, [...args, '-c', file], { stdio: 'ignore' });
      stop.push(() => child.kill('SIGKILL'));
      await untilReady(admin);
    }
  });
  afterAll(() => {
    for (const end of stop) end();
    echo.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['a name that is found', 'localhost', 'sni=localhost'],
    ['a name that nobody knows', 'nobody.invalid', 'closed'],
    ['no name', undefined, 'closed'],
  ])('%s', async (_name, servername, expected) => {
    expect(await ask(ports.envoy, servername)).toBe(expected);
    expect(await ask(ports.weft, servername)).toBe(expected);
  });
});
