import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../cli/demo/free-ports.js';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';
import { MESSAGE } from '../../common/xds/type-urls.js';
import type { CheckRequest__Output } from '../../proto/gen/envoy/service/auth/v3/CheckRequest.js';
import { weft } from '../support/demo-process.js';
import { findEnvoy } from '../support/envoy.js';
import { untilReady } from '../support/ready.js';

const envoyPath = findEnvoy();
const TYPE = 'type.googleapis.com/envoy.extensions.filters.network';

/** Connections by the port at which they came: what decides about them. */
const LISTENERS = ['asked', 'down-closed', 'down-open'] as const;
type Kind = (typeof LISTENERS)[number];
type Verdict = 'allow' | 'deny' | 'fail';

const cluster = (name: string, port: number, http2: boolean): object => ({
  name,
  type: 'STATIC',
  connect_timeout: '2s',
  load_assignment: {
    cluster_name: name,
    endpoints: [
      { lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }] },
    ],
  },
  ...(http2 && {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  }),
});

const listener = (kind: Kind, port: number): object => ({
  name: kind,
  address: { socket_address: { address: '127.0.0.1', port_value: port } },
  filter_chains: [
    {
      filters: [
        {
          name: 'envoy.filters.network.ext_authz',
          typed_config: {
            '@type': `${TYPE}.ext_authz.v3.ExtAuthz`,
            stat_prefix: kind,
            transport_api_version: 'V3',
            grpc_service: { envoy_grpc: { cluster_name: kind === 'asked' ? 'authz' : 'nobody' }, timeout: '1s' },
            failure_mode_allow: kind === 'down-open',
          },
        },
        {
          name: 'envoy.filters.network.tcp_proxy',
          typed_config: { '@type': `${TYPE}.tcp_proxy.v3.TcpProxy`, stat_prefix: kind, cluster: 'echo' },
        },
      ],
    },
  ],
});

/** What a client hears after it has said something. */
function hear(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('hello'));
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      socket.end();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text === '' ? 'closed' : text));
  });
}

describe.skipIf(envoyPath === undefined)('a service that decides about connections, asked by Envoy and by us', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-tcp-authz-'));
  const stop: (() => void)[] = [];
  const ports = { envoy: new Map<Kind, number>(), weft: new Map<Kind, number>() };
  const authz = new Server();
  const asked: CheckRequest__Output[] = [];
  let verdict: Verdict = 'allow';
  /** Bytes: Envoy connects to the server while it still waits for the verdict, and we do not. */
  let reached = 0;

  beforeAll(async () => {
    const echo = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        reached += chunk.length;
        socket.write(chunk);
      });
      socket.on('end', () => socket.end());
    });
    const [echoPort = 0, nobody = 0, ...free] = await freePorts(10);
    await new Promise<void>((resolve) => echo.listen(echoPort, '127.0.0.1', resolve));
    stop.push(() => echo.close());
    authz.addService(
      {
        Check: {
          path: '/envoy.service.auth.v3.Authorization/Check',
          requestStream: false,
          responseStream: false,
          requestSerialize: (message: object) => encodeMessage(MESSAGE.checkRequest, message),
          requestDeserialize: (bytes: Buffer) => decodeMessage<CheckRequest__Output>(MESSAGE.checkRequest, bytes),
          responseSerialize: (message: object) => encodeMessage(MESSAGE.checkResponse, message),
          responseDeserialize: (bytes: Buffer) => decodeMessage(MESSAGE.checkResponse, bytes),
        },
      },
      {
        Check: (call: ServerUnaryCall<CheckRequest__Output, object>, done: sendUnaryData<object>) => {
          asked.push(call.request);
          if (verdict === 'fail') done({ code: 14, details: 'busy' });
          else done(null, { status: { code: verdict === 'allow' ? 0 : 7 } });
        },
      },
    );
    const authzPort = await new Promise<number>((resolve, reject) => {
      authz.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    stop.push(() => authz.forceShutdown());
    for (const [side, program, args] of [
      ['envoy', envoyPath!, []],
      ['weft', process.execPath, [weft, 'proxy']],
    ] as const) {
      const admin = free.shift() ?? 0;
      for (const kind of LISTENERS) ports[side].set(kind, free.shift() ?? 0);
      const file = join(folder, `${side}.json`);
      const bootstrap = {
        node: { id: side, cluster: side },
        admin: { address: { socket_address: { address: '127.0.0.1', port_value: admin } } },
        static_resources: {
          listeners: [...ports[side]].map(([kind, port]) => listener(kind, port)),
          clusters: [
            cluster('echo', echoPort, false),
            cluster('authz', authzPort, true),
            cluster('nobody', nobody, true),
          ],
        },
      };
      writeFileSync(file, JSON.stringify(bootstrap));
      const child = spawn(program, [...args, '-c', file], { stdio: 'ignore' });
      stop.push(() => child.kill('SIGKILL'));
      await untilReady(admin);
    }
  });
  afterAll(() => {
    for (const end of stop) end();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each<[string, Kind, Verdict, string]>([
    ['it allows', 'asked', 'allow', 'hello'],
    ['it denies: nothing reaches the server', 'asked', 'deny', 'closed'],
    ['it fails, which closes', 'asked', 'fail', 'closed'],
    ['it is away, which closes', 'down-closed', 'allow', 'closed'],
    ['it is away, and that lets everybody in', 'down-open', 'allow', 'hello'],
  ])('%s', async (_name, kind, decision, expected) => {
    verdict = decision;
    for (const side of ['envoy', 'weft'] as const) {
      const before = reached;
      expect(await hear(ports[side].get(kind) ?? 0), side).toBe(expected);
      expect(reached - before, side).toBe(expected === 'closed' ? 0 : 5);
    }
  });

  it('is told the same about a connection by both', async () => {
    verdict = 'allow';
    const told = [];
    for (const side of ['envoy', 'weft'] as const) {
      asked.length = 0;
      await hear(ports[side].get('asked') ?? 0);
      const { source, destination, request } = asked[0]?.attributes ?? {};
      const ip = (peer: typeof source) => peer?.address?.socket_address?.address;
      const own = destination?.address?.socket_address?.port_value === ports[side].get('asked');
      told.push({ source: ip(source), destination: ip(destination), own, http: request?.http?.method ?? '' });
    }
    expect(told[1]).toEqual(told[0]);
    expect(told[0]).toEqual({ source: '127.0.0.1', destination: '127.0.0.1', own: true, http: '' });
  });
});
