import { connect, type Socket } from 'node:net';
import { closedLoop, type LoadReady, type Run } from './closed-loop.js';
import { serveHttp1 } from './http1-app.js';
import { answerOrders } from './orders.js';

/**
 * Load generator in a closed loop, and application, in one process, on raw sockets so that they cost little beside what
 * is measured.
 */
const HEAD_END = Buffer.from('\r\n\r\n');

export interface LoadOrder {
  /** This machine unless it is told. */
  readonly host?: string;
  readonly authority?: string;
  readonly port: number;
  readonly connections: number;
  readonly ms: number;
}

class Http1Client {
  private readonly request: string;
  private socket: Socket;
  private received = 0;
  private expected = -1;
  private sentAt = 0;

  constructor(
    { host = '127.0.0.1', authority = 'echo:9080', port }: LoadOrder,
    private readonly run: Run,
  ) {
    this.request = `GET /bench/item?id=7 HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\r\n`;
    this.socket = connect({ host, port, noDelay: true }, () => this.send());
    this.socket.on('data', (chunk: Buffer) => this.data(chunk));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      if (this.run.running()) this.run.onError();
    });
  }

  /** Whether an answer is awaited. */
  busy = false;

  close(): void {
    this.socket.destroy();
  }

  private send(): void {
    if (!this.run.running()) return;
    this.busy = true;
    this.received = 0;
    this.expected = -1;
    this.sentAt = performance.now();
    this.socket.write(this.request);
  }

  private data(chunk: Buffer): void {
    this.received += chunk.length;
    if (this.expected < 0) {
      const end = chunk.indexOf(HEAD_END);
      if (end < 0) return;
      const head = chunk.toString('latin1', 0, end);
      if (!head.startsWith('HTTP/1.1 200')) this.run.onError();
      const length = /content-length: (\d+)/i.exec(head);
      this.expected = end + 4 + Number(length?.[1] ?? 0);
    }
    if (this.received < this.expected) return;
    this.run.latencies.record((performance.now() - this.sentAt) * 1000);
    this.busy = false;
    this.send();
  }
}

const ready: LoadReady = { port: await serveHttp1() };
answerOrders(ready, (order: LoadOrder) =>
  closedLoop(order.connections, order.ms, (run) => new Http1Client(order, run)),
);
