import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Differential, type RunningProxy } from '../../support/differential.js';
import { cluster, filter, httpListener } from '../../support/differential-config.js';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

function message(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** What the application was asked in one call; the name of the call comes in a header. */
const attempts = new Map<string, string[]>();

type Script = (stream: http2.ServerHttp2Stream, value: number, attempt: number) => void;

/** What the application does, by the first word of the path. */
const SCRIPTS: Readonly<Record<string, Script>> = {
  only: (stream, status) => {
    const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status) };
    stream.respond({ ...headers, 'grpc-message': 'm' }, { endStream: true });
  },
  full: (stream, status) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status) }));
    stream.end(message('x'));
  },
  once: (stream, status, attempt) => SCRIPTS[attempt === 1 ? 'only' : 'full']?.(stream, attempt === 1 ? status : 0, 0),
  http: (stream, status) => {
    stream.respond({ ':status': status, 'content-type': 'text/plain' });
    stream.end('body');
  },
  reset: (stream, code) => stream.close(code),
  hang: () => {},
  begin: (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.write(message('a'));
  },
};

const server = http2.createServer();
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  stream.resume();
  const call = String(headers['x-call']);
  const asked = attempts.get(call) ?? [];
  attempts.set(call, asked);
  asked.push(String(headers['grpc-timeout'] ?? 'no timeout'));
  stream.on('end', () => {
    const [, word = '', value = '0'] = /\/([a-z]+)(\d*)$/.exec(headers[':path'] ?? '') ?? [];
    if (!stream.destroyed) SCRIPTS[word]?.(stream, Number(value), asked.length);
  });
});

const GRPC_RETRIES = 'cancelled,deadline-exceeded,internal,resource-exhausted,unavailable';
const forward = (prefix: string, more: object = {}): object => ({
  match: { prefix: `/${prefix}/` },
  route: { cluster: 'a', timeout: '0s', prefix_rewrite: '/', ...more },
});
const abort = (config: object): object => ({
  typed_per_filter_config: {
    'envoy.filters.http.fault': {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault',
      abort: { ...config, percentage: { numerator: 100 } },
    },
  },
});
const routes = [
  forward('plain'),
  forward('timeout', { timeout: '0.3s' }),
  forward('idle', { idle_timeout: '0.3s' }),
  forward('given', { max_stream_duration: { grpc_timeout_header_max: '0s' } }),
  forward('capped', { max_stream_duration: { grpc_timeout_header_max: '0.2s' } }),
  forward('earlier', { max_stream_duration: { grpc_timeout_header_max: '0s', grpc_timeout_header_offset: '0.1s' } }),
  forward('old', { max_grpc_timeout: '0.2s' }),
  forward('retry', { retry_policy: { retry_on: GRPC_RETRIES, num_retries: 2 } }),
  forward('retry5xx', { retry_policy: { retry_on: '5xx,reset,refused-stream', num_retries: 1 } }),
  forward('try', { retry_policy: { retry_on: 'deadline-exceeded', num_retries: 1, per_try_timeout: '0.2s' } }),
  forward('dead', { cluster: 'dead' }),
  forward('none', { cluster: 'none' }),
  { match: { prefix: '/direct/' }, direct_response: { status: 503, body: { inline_string: 'sorry 50%' } } },
  { match: { prefix: '/redirect/' }, redirect: { path_redirect: '/x' } },
  { ...forward('fault'), ...abort({ grpc_status: 8 }) },
  { ...forward('faulthttp'), ...abort({ http_status: 429 }) },
];

/** Path, and headers besides gRPC's own. */
type Call = readonly [path: string, headers?: Readonly<Record<string, string>> | undefined];

const calls: readonly Call[] = [
  ...[0, 1, 4, 5, 8, 13, 14, 16].flatMap((status) => [`/retry/only${status}`, `/retry/full${status}`]).map(toCall),
  ...['/retry/once14', '/retry/once8', '/retry/http503', '/retry5xx/http503', '/retry5xx/only14'].map(toCall),
  ...['/retry5xx/reset7', '/retry5xx/reset2', '/try/hang'].map(toCall),
  ...[0, 1, 2, 5, 7, 8, 11].map((code) => toCall(`/plain/reset${code}`)),
  ...['/timeout/hang', '/timeout/begin', '/idle/hang', '/idle/begin'].map(toCall),
  ['/given/hang', { 'grpc-timeout': '200m' }],
  ['/given/full0', { 'grpc-timeout': '5S' }],
  ['/given/full0', { 'grpc-timeout': 'bad' }],
  ['/given/full0', { 'grpc-timeout': '99999999H' }],
  ['/given/full0', { 'grpc-timeout': '123456789S' }],
  ['/capped/hang', { 'grpc-timeout': '5S' }],
  ['/earlier/hang', { 'grpc-timeout': '300m' }],
  ['/old/hang', { 'grpc-timeout': '5S' }],
  ['/old/hang', { 'grpc-timeout': '100m' }],
  ['/plain/full0', { 'grpc-timeout': '1S' }],
  ...['/dead/full0', '/none/full0', '/nothing', '/direct/x', '/redirect/x', '/fault/full0', '/faulthttp/full0'].map(
    toCall,
  ),
  ...['/plain/http404', '/plain/http503'].map(toCall),
  ...['application/grpc+proto', 'application/grpc;x=1', 'application/grpcfoo', 'Application/grpc'].map(
    (type): Call => ['/none/full0', { 'content-type': type }],
  ),
];

function toCall(path: string): Call {
  return [path];
}

/** Headers that no two proxies have in common. */
const OWN = new Set(['date', 'server', 'x-envoy-upstream-service-time', 'location']);

function comparable(headers: http2.IncomingHttpHeaders | undefined): readonly string[] | undefined {
  const kept = Object.entries(headers ?? {}).filter(([name]) => !OWN.has(name));
  return headers === undefined ? undefined : kept.map(([name, value]) => `${name}: ${String(value)}`).sort();
}

let serial = 0;

async function ask(proxy: RunningProxy, [path, more = {}]: Call) {
  const client = http2.connect(`http://127.0.0.1:${proxy.port('main')}`);
  client.on('error', () => {});
  const call = `${proxy.side}-${++serial}`;
  const stream = client.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'x-call': call,
    ...more,
  });
  stream.on('error', () => {});
  let head: http2.IncomingHttpHeaders | undefined;
  let trailers: http2.IncomingHttpHeaders | undefined;
  let size = 0;
  stream.on('response', (headers) => {
    head = headers;
  });
  stream.on('trailers', (headers) => {
    trailers = headers;
  });
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
  });
  stream.end(message('q'));
  await new Promise((resolve) => stream.on('close', resolve));
  client.destroy();
  const asked = attempts.get(call)?.map((timeout) => (/^\d+m$/.test(timeout) ? 'some ms' : timeout)) ?? [];
  return { head: comparable(head), trailers: comparable(trailers), size, ended: stream.rstCode === 0, asked };
}

describe.skipIf(!Differential.available)(`gRPC as Envoy understands it ${Differential.note}`, () => {
  let both: Differential;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port: app } = server.address() as AddressInfo;
    const http2Options = {
      [HTTP_OPTIONS]: {
        '@type': `type.googleapis.com/${HTTP_OPTIONS}`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    };
    const more = { typed_extension_protocol_options: http2Options };
    both = await Differential.start({
      listeners: ['main'],
      upstreams: [],
      closed: ['dead'],
      resources: (port) => ({
        listeners: [
          httpListener(
            'main',
            port('main'),
            { route_config: { validate_clusters: false, virtual_hosts: [{ name: 'v', domains: ['*'], routes }] } },
            [filter('fault', 'fault.v3.HTTPFault')],
          ),
        ],
        clusters: [cluster('a', [[app]], more), cluster('dead', [[port('dead')]], more)],
      }),
    });
  });
  afterAll(() => {
    both?.stop();
    server.close();
  });

  it.each(calls.map(([path, headers]) => ({ path, headers })))('$path $headers', async ({ path, headers }) => {
    const call: Call = [path, headers];
    const [envoy, weft] = await Promise.all([ask(both.envoy, call), ask(both.weft, call)]);
    expect(weft).toEqual(envoy);
  });
});
