import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Differential, type RunningProxy } from '../../support/differential.js';
import { cluster, httpListener } from '../../support/differential-config.js';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** Over HTTP/1.1: grants an upgrade to `/ws` and echoes, refuses others. */
const old = http.createServer((_, response) => response.end('no upgrade'));
const heads: string[] = [];
old.on('upgrade', (request, socket: net.Socket) => {
  const { upgrade, connection } = request.headers;
  heads.push(`${request.method} ${request.url} upgrade=${upgrade} connection=${connection}`.toLowerCase());
  socket.on('error', () => {});
  if (request.url !== '/ws') {
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno');
    return;
  }
  socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nx-app: 1\r\n\r\n');
  socket.pipe(socket);
});

/** Over HTTP/2: the same. */
const modern = http2.createServer({ settings: { enableConnectProtocol: true } });
modern.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  heads.push([':method', ':protocol', ':path'].map((name) => String(headers[name])).join(' '));
  stream.respond({ ':status': headers[':path'] === '/ws' ? 200 : 403, 'x-app': '1' });
  stream.pipe(stream);
});

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const OWN = new Set(['date', 'server', 'x-envoy-upstream-service-time', 'x-request-id']);
/** Ours proves what the client's key asks for, where the application does not have to (RFC 8441). */
const PROOF = 'sec-websocket-accept';
const comparable = (headers: http.IncomingHttpHeaders): string[] =>
  Object.entries(headers)
    .filter(([name]) => !OWN.has(name) && name !== PROOF)
    .map(([name, value]) => `${name}: ${String(value)}`)
    .sort();

async function overHttp2(proxy: RunningProxy, listener: string, path: string, protocol: string) {
  const client = http2.connect(`http://127.0.0.1:${proxy.port(listener)}`);
  client.on('error', () => {});
  await new Promise((resolve) => client.once('remoteSettings', resolve));
  const offered = client.remoteSettings.enableConnectProtocol === true;
  const stream = client.request(
    { ':method': 'CONNECT', ':protocol': protocol, ':path': path, 'sec-websocket-key': KEY },
    { endStream: false },
  );
  let text = '';
  let head: string[] = [];
  stream.on('error', () => {});
  stream.on('data', (chunk: Buffer) => {
    text += String(chunk);
    // How it ends is not compared: Envoy keeps a half-closed upgrade until the route's timeout.
    if (text === 'hello') stream.close();
  });
  stream.on('response', (headers) => {
    head = comparable(headers);
    if (headers[':status'] === 200) stream.write('hello');
    else stream.end();
  });
  await new Promise((resolve) => stream.once('close', resolve));
  client.destroy();
  return { offered, head, text, code: stream.rstCode };
}

async function overHttp1(proxy: RunningProxy, listener: string, path: string, protocol: string) {
  const socket = net.connect({ port: proxy.port(listener), host: '127.0.0.1' });
  const key = `sec-websocket-key: ${KEY}`;
  socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: ${protocol}\r\n${key}\r\n\r\n`);
  let text = '';
  socket.on('error', () => {});
  const done = new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      const had = text.includes('\r\n\r\n');
      text += chunk.toString('latin1');
      if (!had && text.includes('\r\n\r\n')) socket.write('hello');
      if (text.endsWith('hello')) resolve(undefined);
    });
    socket.on('close', resolve);
  });
  await done;
  socket.destroy();
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const fields = head.toLowerCase().split('\r\n');
  return { head: fields.filter((line) => !OWN.has(line.split(':')[0] ?? '')).sort(), body };
}

describe.skipIf(!Differential.available)(`upgrades over HTTP/2 as Envoy has them ${Differential.note}`, () => {
  let both: Differential;

  beforeAll(async () => {
    const oldPort = await listen(old);
    const modernPort = await listen(modern as unknown as net.Server);
    const routes = (name: string): object => ({
      virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: name } }] }],
    });
    const manager = (name: string): object => ({
      route_config: routes(name),
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      http2_protocol_options: { allow_connect: true },
    });
    const http2Options = {
      [HTTP_OPTIONS]: {
        '@type': `type.googleapis.com/${HTTP_OPTIONS}`,
        explicit_http_config: { http2_protocol_options: { allow_connect: true } },
      },
    };
    both = await Differential.start({
      listeners: ['old', 'modern'],
      upstreams: [],
      resources: (port) => ({
        listeners: ['old', 'modern'].map((name) => httpListener(name, port(name), manager(name))),
        clusters: [
          cluster('old', [[oldPort]]),
          cluster('modern', [[modernPort]], { typed_extension_protocol_options: http2Options }),
        ],
      }),
    });
  });
  afterAll(() => {
    both?.stop();
    old.closeAllConnections();
    old.close();
    modern.close();
  });

  describe.each(['old', 'modern'])('to an application that is %s', (listener) => {
    it.each([
      ['/ws', 'websocket'],
      ['/other', 'websocket'],
      ['/ws', 'unknown'],
    ])('from HTTP/2: %s %s', async (path, protocol) => {
      heads.length = 0;
      const envoy = await overHttp2(both.envoy, listener, path, protocol);
      const asked = heads.splice(0);
      expect(await overHttp2(both.weft, listener, path, protocol)).toEqual(envoy);
      expect(heads).toEqual(asked);
    });

    it('from HTTP/1.1: an upgrade that is granted', async () => {
      heads.length = 0;
      const envoy = await overHttp1(both.envoy, listener, '/ws', 'websocket');
      const asked = heads.splice(0);
      const weft = await overHttp1(both.weft, listener, '/ws', 'websocket');
      expect({ ...weft, head: weft.head.filter((line) => !line.startsWith(PROOF)) }).toEqual(envoy);
      expect(heads).toEqual(asked);
    });
  });
});
