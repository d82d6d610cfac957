import { connect, createServer, type Socket } from 'node:net';
import { Histogram } from './histogram.js';
import { lastAnswers } from './last-answers.js';
import { answerOrders } from './orders.js';

/**
 * Load generator in a closed loop, and application, in one process, on raw sockets so that they cost little beside what
 * is measured.
 */
const BODY = Buffer.alloc(1024, 'x');
const RESPONSE = Buffer.concat([
  Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${BODY.length}\r\n\r\n`),
  BODY,
]);
const HEAD_END = Buffer.from('\r\n\r\n');

export interface LoadReady {
  /** Where the application listens. */
  readonly port: number;
}

export interface LoadOrder {
  readonly port: number;
  readonly connections: number;
  readonly ms: number;
}

export interface LoadReport {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

function serve(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer({ noDelay: true }, (socket) => {
      let rest: Buffer | undefined;
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk: Buffer) => {
        let data = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
        rest = undefined;
        for (let end = data.indexOf(HEAD_END); end >= 0; end = data.indexOf(HEAD_END)) {
          socket.write(RESPONSE);
          data = data.subarray(end + 4);
        }
        if (data.length > 0) rest = data;
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

class Client {
  private socket: Socket;
  private received = 0;
  private expected = -1;
  private sentAt = 0;

  constructor(
    order: LoadOrder,
    private readonly latencies: Histogram,
    private readonly onError: () => void,
    private readonly running: () => boolean,
  ) {
    this.socket = connect({ host: '127.0.0.1', port: order.port, noDelay: true }, () => this.send());
    this.socket.on('data', (chunk: Buffer) => this.data(chunk));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      if (this.running()) this.onError();
    });
  }

  /** Whether an answer is awaited. */
  busy = false;

  close(): void {
    this.socket.destroy();
  }

  private send(): void {
    if (!this.running()) return;
    this.busy = true;
    this.received = 0;
    this.expected = -1;
    this.sentAt = performance.now();
    this.socket.write('GET /bench/item?id=7 HTTP/1.1\r\nHost: echo:9080\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\r\n');
  }

  private data(chunk: Buffer): void {
    this.received += chunk.length;
    if (this.expected < 0) {
      const end = chunk.indexOf(HEAD_END);
      if (end < 0) return;
      const head = chunk.toString('latin1', 0, end);
      if (!head.startsWith('HTTP/1.1 200')) this.onError();
      const length = /content-length: (\d+)/i.exec(head);
      this.expected = end + 4 + Number(length?.[1] ?? 0);
    }
    if (this.received < this.expected) return;
    this.latencies.record((performance.now() - this.sentAt) * 1000);
    this.busy = false;
    this.send();
  }
}

async function load(order: LoadOrder): Promise<LoadReport> {
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
