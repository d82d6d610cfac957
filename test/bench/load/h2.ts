import { connect, createServer, type Socket } from 'node:net';
import { closedLoop, type LoadReady, type Run } from './closed-loop.js';
import { END_HEADERS, END_STREAM, FRAME, frame, Http2Peer, headerBlocks, plainBlock } from './http2.js';
import { answerOrders } from './orders.js';

/** Cleartext HTTP/2 with prior knowledge: load generator in a closed loop, every stream asks again, and application. */
export interface H2Order {
  readonly port: number;
  readonly connections: number;
  /** Requests in flight on each. */
  readonly streams: number;
  readonly ms: number;
}

const BODY = Buffer.alloc(1024, 'x');
const RESPONSE = headerBlocks([
  [':status', '200'],
  ['content-type', 'text/plain'],
  ['content-length', String(BODY.length)],
]);
/** Clients keep paths out of the dynamic table. */
const PATH = plainBlock([[':path', '/bench/item?id=7']]);
const REQUEST = headerBlocks([
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'echo:9080'],
  ['user-agent', 'bench/1'],
  ['accept', '*/*'],
]);
/** `:status: 200` of the static table, with which every encoder says it. */
const STATUS_200 = 0x88;
/** A change of the dynamic table's size may stand before it. */
const isTableSize = (byte: number): boolean => byte >= 0x20 && byte < 0x40;

function serve(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer({ noDelay: true }, (socket) => {
      let block = RESPONSE.first;
      const answer = (stream: number): void => {
        peer.write(frame(FRAME.headers, END_HEADERS, stream, block));
        peer.send(stream, BODY, frame(FRAME.data, END_STREAM, stream, Buffer.alloc(0)));
        block = RESPONSE.again;
      };
      const peer = new Http2Peer(socket, false, {
        headers: (stream, _block, end) => end && answer(stream),
        data: (stream, _bytes, end) => end && answer(stream),
        reset: () => undefined,
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

class H2Client {
  private readonly socket: Socket;
  private readonly peer: Http2Peer;
  private readonly sentAt = new Map<number, number>();
  private block = REQUEST.first;
  private nextStream = 1;

  constructor(
    { port, streams }: H2Order,
    private readonly run: Run,
  ) {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.socket.on('close', () => {
      if (this.run.running()) this.run.onError();
    });
    this.peer = new Http2Peer(this.socket, true, {
      headers: (stream, block, end) => {
        if (block[block.findIndex((byte) => !isTableSize(byte))] !== STATUS_200) this.run.onError();
        if (end) this.done(stream);
      },
      data: (stream, _bytes, end) => end && this.done(stream),
      reset: (stream) => {
        this.run.onError();
        this.done(stream);
      },
    });
    for (let count = 0; count < streams; count++) this.send();
  }

  /** Whether answers are awaited. */
  get busy(): boolean {
    return this.sentAt.size > 0;
  }

  close(): void {
    this.socket.destroy();
  }

  private send(): void {
    if (!this.run.running()) return;
    const block = Buffer.concat([PATH, this.block]);
    this.peer.write(frame(FRAME.headers, END_HEADERS | END_STREAM, this.nextStream, block));
    this.sentAt.set(this.nextStream, performance.now());
    this.block = REQUEST.again;
    this.nextStream += 2;
  }

  private done(stream: number): void {
    const sentAt = this.sentAt.get(stream);
    if (sentAt === undefined) return;
    this.sentAt.delete(stream);
    this.run.latencies.record((performance.now() - sentAt) * 1000);
    this.send();
  }
}

const ready: LoadReady = { port: await serve() };
answerOrders(ready, (order: H2Order) => closedLoop(order.connections, order.ms, (run) => new H2Client(order, run)));
