import { connect, createServer } from 'node:net';
import { Endpoint } from './h2/endpoint.js';
import { headerBlocks } from './h2/header-block.js';
import { Histogram } from './histogram.js';
import type { LoadReady, LoadReport } from './http1.js';
import { lastAnswers } from './last-answers.js';
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
  { name: ':status', value: '200' },
  { name: 'content-type', value: 'text/plain', indexed: true },
  { name: 'content-length', value: String(BODY.length), indexed: true },
]);
const REQUEST = headerBlocks([
  { name: ':method', value: 'GET' },
  { name: ':scheme', value: 'http' },
  { name: ':path', value: '/bench/item?id=7' },
  { name: ':authority', value: 'echo:9080', indexed: true },
  { name: 'user-agent', value: 'bench/1', indexed: true },
  { name: 'accept', value: '*/*', indexed: true },
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
        endpoint.headers(stream, block, false);
        endpoint.data(stream, BODY, true);
        block = RESPONSE.next;
      };
      const endpoint = new Endpoint(socket, 'server', {
        onHeaders: (stream, _, ended) => ended && answer(stream),
        onData: (stream, _, ended) => ended && answer(stream),
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

class Client {
  private readonly endpoint: Endpoint;
  private readonly sentAt = new Map<number, number>();
  private block = REQUEST.first;
  private nextStream = 1;

  constructor(
    { port, streams }: H2Order,
    private readonly latencies: Histogram,
    private readonly onError: () => void,
    private readonly running: () => boolean,
  ) {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.endpoint = new Endpoint(socket, 'client', {
      onHeaders: (stream, block, ended) => {
        const first = block.findIndex((byte) => !isTableSize(byte));
        if (block[first] !== STATUS_200) this.onError();
        if (ended) this.done(stream);
      },
      onData: (stream, _, ended) => ended && this.done(stream),
      onReset: (stream) => {
        this.onError();
        this.done(stream);
      },
      onClose: () => {
        if (this.running()) this.onError();
      },
    });
    for (let count = 0; count < streams; count++) this.send();
  }

  /** Whether answers are awaited. */
  get busy(): boolean {
    return this.sentAt.size > 0;
  }

  close(): void {
    this.endpoint.close();
  }

  private send(): void {
    if (!this.running()) return;
    this.endpoint.headers(this.nextStream, this.block, true);
    this.sentAt.set(this.nextStream, performance.now());
    this.block = REQUEST.next;
    this.nextStream += 2;
  }

  private done(stream: number): void {
    const sentAt = this.sentAt.get(stream);
    if (sentAt === undefined) return;
    this.sentAt.delete(stream);
    this.latencies.record((performance.now() - sentAt) * 1000);
    this.send();
  }
}

async function load(order: H2Order): Promise<LoadReport> {
  const latencies = new Histogram();
  let errors = 0;
  let running = true;
  const onError = (): void => {
    errors++;
  };
  const started = performance.now();
  const clients = Array.from({ length: order.connections }, () => new Client(order, latencies, onError, () => running));
  await new Promise((resolve) => setTimeout(resolve, order.ms));
  running = false;
  await lastAnswers(clients);
  const seconds = (performance.now() - started) / 1000;
  for (const client of clients) client.close();
  const [p50, p99] = [latencies.percentileMs(0.5), latencies.percentileMs(0.99)];
  return { requests: latencies.count, errors, seconds, p50, p99 };
}

const ready: LoadReady = { port: await serve() };
answerOrders(ready, load);
