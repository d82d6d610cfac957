import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { createLogger } from '../../common/runtime/log.js';
import { type ProxyApp, startProxy } from '../app.js';
import { parseBootstrap } from '../bootstrap/read.js';
import { FRAME, FRAME_HEADER, PREFACE } from './constants.js';
import { HpackDecoder } from './hpack/decoder.js';
import { HpackEncoder } from './hpack/encoder.js';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

export interface ProxySettings {
  readonly upstreamPort: number;
  readonly upstream: 'http1' | 'http2' | 'downstream';
  readonly codec?: 'AUTO' | 'HTTP1' | 'HTTP2';
  /** Of the route, besides the cluster. */
  readonly route?: object;
  readonly manager?: object;
  /** Of the route; every path by default. */
  readonly match?: object;
  /** Http2ProtocolOptions of the cluster. */
  readonly http2?: object;
}

/** A whole proxy of this process with one listener and one cluster, for tests. */
export class TestProxy {
  private constructor(
    private readonly app: ProxyApp,
    readonly port: number,
  ) {}

  static async start(settings: ProxySettings): Promise<TestProxy> {
    const loaded = parseBootstrap(JSON.stringify(bootstrap(settings)));
    if ('errors' in loaded) throw new Error(loaded.errors.join('\n'));
    const app = await startProxy(loaded.config, { log: createLogger('test', 'silent') });
    return new TestProxy(app, app.addresses().get('in')?.[0]?.port ?? 0);
  }

  /** Value of a counter of the HTTP/2 codec: of connections to us, or of those to the cluster (`cluster.app.`). */
  async counter(name: string, scope = ''): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${this.app.adminPort}/stats`);
    const line = (await answer.text()).split('\n').find((text) => text.startsWith(`${scope}http2.${name}:`));
    return Number(line?.split(':')[1] ?? 0);
  }

  drain(): Promise<void> {
    return this.app.drain();
  }

  stop(): Promise<void> {
    return this.app.stop();
  }
}

function bootstrap(settings: ProxySettings): object {
  const {
    upstreamPort,
    upstream,
    codec = 'AUTO',
    route = {},
    manager = {},
    match = { prefix: '/' },
    http2 = {},
  } = settings;
  const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const options = {
    http1: { explicit_http_config: { http_protocol_options: {} } },
    http2: { explicit_http_config: { http2_protocol_options: http2 } },
    downstream: { use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} } },
  }[upstream];
  const type = 'type.googleapis.com/envoy.extensions';
  return {
    node: { id: 'test', cluster: 'test' },
    admin: { address: address(0) },
    static_resources: {
      listeners: [
        {
          name: 'in',
          address: address(0),
          filter_chains: [
            {
              filters: [
                {
                  name: 'envoy.filters.network.http_connection_manager',
                  typed_config: {
                    '@type': `${type}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
                    stat_prefix: 'test',
                    codec_type: codec,
                    upgrade_configs: [{ upgrade_type: 'websocket' }],
                    route_config: {
                      virtual_hosts: [
                        {
                          name: 'v',
                          domains: ['*'],
                          routes: [{ match, route: { cluster: 'app', timeout: '0s', ...route } }],
                        },
                      ],
                    },
                    http_filters: [
                      {
                        name: 'envoy.filters.http.router',
                        typed_config: { '@type': `${type}.filters.http.router.v3.Router` },
                      },
                    ],
                    ...manager,
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        {
          name: 'app',
          type: 'STATIC',
          load_assignment: {
            cluster_name: 'app',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstreamPort) } }] }],
          },
          typed_extension_protocol_options: {
            [HTTP_OPTIONS]: { '@type': `${type}.upstreams.http.v3.HttpProtocolOptions`, ...options },
          },
        },
      ],
    },
  };
}

export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** A client that sends the frames it is told, right or wrong. */
export class RawHttp2Client {
  readonly frames: SeenFrame[] = [];
  readonly encoder = new HpackEncoder();
  readonly decoder = new HpackDecoder(16_384, { maxListSize: 1 << 20, maxFields: 1000 });
  closed = false;
  private rest = Buffer.alloc(0);
  private wake: () => void = () => {};

  private constructor(readonly socket: net.Socket) {
    socket.on('data', (bytes: Buffer) => this.onData(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  /** Sends preface and SETTINGS. */
  static async connect(port: number, settings: Buffer = Buffer.alloc(0)): Promise<RawHttp2Client> {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const client = new RawHttp2Client(socket);
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write(Buffer.concat([PREFACE, frame(FRAME.SETTINGS, 0, 0, settings)]));
    return client;
  }

  send(type: number, flags: number, id: number, payload: Buffer = Buffer.alloc(0)): void {
    this.socket.write(frame(type, flags, id, payload));
  }

  block(fields: readonly (readonly [string, string])[]): Buffer {
    this.encoder.begin();
    for (const [name, value] of fields) this.encoder.field(name, value);
    return Buffer.from(this.encoder.buffer.subarray(0, this.encoder.length));
  }

  /** HEADERS of a GET, or of what `more` turns it into. */
  request(id: number, flags = 0x5, more: readonly (readonly [string, string])[] = []): void {
    this.send(FRAME.HEADERS, flags, id, this.block([...REQUEST, ...more]));
  }

  async until(test: (frame: SeenFrame) => boolean, timeoutMs = 5000): Promise<SeenFrame> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const found = this.frames.find(test);
      if (found !== undefined) return found;
      const left = end - Date.now();
      if (left <= 0 || this.closed) {
        const seen = this.frames.map(
          ({ type, id, payload }) => `${type}/${id}/${payload.toString('hex').slice(0, 32)}`,
        );
        throw new Error(`no such frame came; ${this.closed ? 'closed, ' : ''}seen ${seen.join(' ')}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Error code of the GOAWAY that comes. */
  async goAway(): Promise<number> {
    const { payload } = await this.until(({ type }) => type === FRAME.GOAWAY);
    return payload.readUInt32BE(4);
  }

  /** Error code of the RST_STREAM that comes. */
  async reset(id: number): Promise<number> {
    const { payload } = await this.until((seen) => seen.type === FRAME.RST_STREAM && seen.id === id);
    return payload.readUInt32BE(0);
  }

  /** `:status` of a stream's answer. Answers have to be asked for in their order. */
  async status(id: number): Promise<string | undefined> {
    const { payload } = await this.until((seen) => seen.type === FRAME.HEADERS && seen.id === id);
    return this.decoder.decode(payload).fields.find(({ name }) => name === ':status')?.value;
  }

  close(): void {
    this.socket.destroy();
  }

  private onData(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    while (this.rest.length >= FRAME_HEADER) {
      const length = this.rest.readUIntBE(0, 3);
      if (this.rest.length < FRAME_HEADER + length) break;
      const [type = 0, flags = 0] = this.rest.subarray(3, 5);
      const payload = Buffer.from(this.rest.subarray(FRAME_HEADER, FRAME_HEADER + length));
      this.frames.push({ type, flags, id: this.rest.readUInt32BE(5), payload });
      this.rest = this.rest.subarray(FRAME_HEADER + length);
    }
    this.wake();
  }
}

const REQUEST: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'test'],
];

/** Bytes of one frame. */
export function frame(type: number, flags: number, id: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEADER);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

/** Starts a server on loopback; `close` ends it with all of its connections. */
export async function listening(server: Server): Promise<{ readonly port: number; readonly close: () => void }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, close };
}
