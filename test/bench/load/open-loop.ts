import { connect, type Socket } from 'node:net';
import type { LoadReady } from './closed-loop.js';
import { Histogram } from './histogram.js';

import { serveHttp1 } from './http1-app.js';
import { metronome } from './metronome.js';
import { answerOrders } from './orders.js';

/**
 * HTTP/1.1 requests at times that are fixed beforehand, whatever the answers do. A latency counts from the time at which
 * its request was to leave: one that has to wait for a free connection, or for this process, has waited for its answer,
 * too (no coordinated omission).
 */
export interface OpenLoopOrder {
  readonly port: number;
  readonly connections: number;
  /** Requests per second. */
  readonly rate: number;
  readonly ms: number;
}

export interface OpenLoopReport {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  /** By how much this process itself was late, ms: what of the tail is not the proxies'. */
  readonly latenessP99: number;
}

const REQUEST = 'GET /bench/item?id=7 HTTP/1.1\r\nHost: echo:9080\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\r\n';
const HEAD_END = Buffer.from('\r\n\r\n');

class Connection {
  private readonly socket: Socket;
  private received = 0;
  private expected = -1;
  private dueAt = 0;
  private ok = false;

  constructor(
    port: number,
    private readonly onAnswer: (connection: Connection, dueAt: number, ok: boolean) => void,
    onReady: (connection: Connection) => void,
    onEnd: () => void,
  ) {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => onReady(this));
    this.socket.on('data', (chunk: Buffer) => this.data(chunk));
    this.socket.on('error', () => undefined);
    this.socket.on('close', onEnd);
  }

  send(dueAt: number): void {
    this.dueAt = dueAt;
    this.received = 0;
    this.expected = -1;
    this.socket.write(REQUEST);
  }

  close(): void {
    this.socket.destroy();
  }

  private data(chunk: Buffer): void {
    this.received += chunk.length;
    if (this.expected < 0) {
      const end = chunk.indexOf(HEAD_END);
      if (end < 0) return;
      const head = chunk.toString('latin1', 0, end);
      this.ok = head.startsWith('HTTP/1.1 200');
      this.expected = end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    }
    if (this.received >= this.expected) this.onAnswer(this, this.dueAt, this.ok);
  }
}

/** How long the last answers may take. */
const LAST_ANSWERS_MS = 2000;
const POLL_MS = 2;

class OpenLoop {
  private readonly latencies = new Histogram();
  private readonly lateness = new Histogram();
  private readonly idle: Connection[] = [];
  /** Times at which requests were due that found no free connection, oldest first. */
  private readonly late: number[] = [];
  private readonly all: Connection[] = [];
  private errors = 0;
  private open = 0;
  private sent = 0;
  private done = 0;
  private ended = false;

  constructor(private readonly order: OpenLoopOrder) {}

  async run(): Promise<OpenLoopReport> {
    const { ms, rate } = this.order;
    await this.connect();
    const interval = 1000 / rate;
    const { startMs, ended } = metronome(interval, Math.floor((ms * rate) / 1000), (due) => {
      while (this.sent < due) this.send(startMs + this.sent * interval);
    });
    await ended;
    const limit = performance.now() + LAST_ANSWERS_MS;
    while (this.done < this.sent && performance.now() < limit)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const seconds = (performance.now() - startMs) / 1000;
    this.ended = true;
    for (const connection of this.all) connection.close();
    const at = (share: number): number => this.latencies.percentileMs(share);
    const missing = this.sent - this.done;
    const percentiles = { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) };
    const latenessP99 = this.lateness.percentileMs(0.99);
    return { requests: this.done, errors: this.errors + missing, seconds, ...percentiles, latenessP99 };
  }

  private connect(): Promise<void> {
    return new Promise((resolve) => {
      for (let count = 0; count < this.order.connections; count++) {
        const ready = (connection: Connection): void => {
          this.idle.push(connection);
          if (++this.open === this.order.connections) resolve();
        };
        const end = (): void => {
          if (!this.ended) this.errors++;
        };
        this.all.push(new Connection(this.order.port, (...answer) => this.onAnswer(...answer), ready, end));
      }
    });
  }

  private send(dueAt: number): void {
    this.sent++;
    this.lateness.record((performance.now() - dueAt) * 1000);
    // The one that was used longest ago, so that all are in use.
    const connection = this.idle.shift();
    if (connection === undefined) this.late.push(dueAt);
    else connection.send(dueAt);
  }

  private onAnswer(connection: Connection, dueAt: number, ok: boolean): void {
    this.latencies.record((performance.now() - dueAt) * 1000);
    this.done++;
    if (!ok) this.errors++;
    const next = this.late.shift();
    if (next === undefined) this.idle.push(connection);
    else connection.send(next);
  }
}

const ready: LoadReady = { port: await serveHttp1() };
answerOrders(ready, (order: OpenLoopOrder) => new OpenLoop(order).run());
