import { connect, createServer, type Server } from 'node:net';
import { Histogram } from './histogram.js';
import { END_HEADERS, END_STREAM, FRAME, frame, Http2Peer, headerBlocks, plainBlock } from './http2.js';

/** Length-prefixed message of a given size. */
function message(bytes: number): Buffer {
  const whole = Buffer.alloc(5 + bytes, 'x');
  whole[0] = 0;
  whole.writeUInt32BE(bytes, 1);
  return whole;
}

/** What a call asks for is in its path. */
const UNARY = '/bench.Echo/Unary';
const STREAM = '/bench.Echo/Stream';
const ANSWER_BYTES = 100;
/** Messages of a stream that a server has ready at once. */
const BURST = 32;
/** Bytes of a message with its prefix, as a frame of DATA. */
const STREAMED = frame(FRAME.data, 0, 0, message(ANSWER_BYTES));

const HEAD = plainBlock([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
const TRAILERS = plainBlock([['grpc-status', '0']]);

/**
 * A gRPC server on cleartext HTTP/2. `streamed` > 0: it answers every call with so many messages of 100 bytes, each in a
 * frame of its own as gRPC servers write them; 0: with one.
 */
export function serveGrpc(streamed: number): Promise<Server> {
  const server = createServer({ noDelay: true }, (socket) => {
    const answer = (stream: number): void => {
      peer.write(frame(FRAME.headers, END_HEADERS, stream, HEAD));
      const trailers = frame(FRAME.headers, END_HEADERS | END_STREAM, stream, TRAILERS);
      if (streamed === 0) peer.send(stream, message(ANSWER_BYTES), trailers);
      else peer.sendFrames(stream, STREAMED, streamed, BURST, trailers);
    };
    const peer = new Http2Peer(socket, false, {
      headers: (stream, _block, end) => end && answer(stream),
      data: (stream, _bytes, end) => end && answer(stream),
      reset: () => undefined,
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

export interface GrpcOrder {
  readonly port: number;
  readonly connections: number;
  readonly streams: number;
  readonly ms: number;
  /** Messages that an answer has. */
  readonly messages: number;
}

export interface GrpcReport {
  readonly calls: number;
  readonly messages: number;
  readonly errors: number;
  readonly seconds: number;
  /** Milliseconds, of a call. */
  readonly p50: number;
  readonly p99: number;
}

const FIRST_ANSWER_MS = 5000;
const POLL_MS = 2;

/** Keeps so many calls open on each connection. */
export async function callGrpc(order: GrpcOrder): Promise<GrpcReport> {
  const tally: Tally = { latencies: new Histogram(), errors: 0, bytes: 0, running: true };
  const started = performance.now();
  const clients = Array.from({ length: order.connections }, () => new GrpcClient(order, tally));
  await new Promise((resolve) => setTimeout(resolve, order.ms));
  // A short round on a busy machine lasts until something has come.
  while (tally.bytes === 0 && performance.now() < started + order.ms + FIRST_ANSWER_MS) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const seconds = (performance.now() - started) / 1000;
  const calls = tally.latencies.count;
  const messages = Math.floor(tally.bytes / (5 + ANSWER_BYTES));
  tally.running = false;
  const end = performance.now() + 2000;
  while (clients.some((client) => client.busy) && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  for (const client of clients) client.close();
  const [p50, p99] = [tally.latencies.percentileMs(0.5), tally.latencies.percentileMs(0.99)];
  return { calls, messages, errors: tally.errors, seconds, p50, p99 };
}

interface Tally {
  readonly latencies: Histogram;
  errors: number;
  bytes: number;
  running: boolean;
}

const REQUEST = message(ANSWER_BYTES);

class GrpcClient {
  private readonly peer: Http2Peer;
  private readonly socket;
  private readonly blocks;
  private readonly open = new Map<number, { readonly sentAt: number; bytes: number }>();
  private next = 1;

  constructor(
    private readonly order: GrpcOrder,
    private readonly tally: Tally,
  ) {
    const path = order.messages === 1 ? UNARY : STREAM;
    this.blocks = headerBlocks([
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', path],
      [':authority', 'echo:9080'],
      ['te', 'trailers'],
      ['content-type', 'application/grpc'],
      ['user-agent', 'grpc-bench/1.0'],
    ]);
    this.socket = connect({ host: '127.0.0.1', port: order.port, noDelay: true });
    this.socket.on('close', () => {
      if (tally.running) tally.errors += Math.max(1, this.open.size);
      this.open.clear();
    });
    this.peer = new Http2Peer(this.socket, true, {
      headers: (stream, block, end) => this.headers(stream, block, end),
      data: (stream, bytes, end) => {
        tally.bytes += bytes.length;
        const call = this.open.get(stream);
        if (call !== undefined) call.bytes += bytes.length;
        if (end) this.failed(stream);
      },
      reset: (stream) => this.failed(stream),
    });
    for (let each = 0; each < order.streams; each++) this.call();
  }

  get busy(): boolean {
    return this.open.size > 0;
  }

  close(): void {
    this.socket.destroy();
  }

  private call(): void {
    if (!this.tally.running) return;
    const stream = this.next;
    this.next += 2;
    const block = stream === 1 ? this.blocks.first : this.blocks.again;
    this.open.set(stream, { sentAt: performance.now(), bytes: 0 });
    this.peer.write(frame(FRAME.headers, END_HEADERS, stream, block));
    this.peer.write(frame(FRAME.data, END_STREAM, stream, REQUEST));
  }

  private headers(stream: number, block: Buffer, end: boolean): void {
    const call = this.open.get(stream);
    if (call === undefined) return;
    if (!end) {
      if (call.bytes === 0 && block[0] !== STATUS_200) this.tally.errors++;
      return;
    }
    this.open.delete(stream);
    // Whoever fails a call answers without messages.
    if (call.bytes !== this.order.messages * REQUEST.length) this.tally.errors++;
    if (this.tally.running) this.tally.latencies.record((performance.now() - call.sentAt) * 1000);
    this.call();
  }

  private failed(stream: number): void {
    if (!this.open.delete(stream)) return;
    this.tally.errors++;
    this.call();
  }
}

const STATUS_200 = 0x88;
