import { connect } from 'node:net';
import type { LoadReady } from './closed-loop.js';
import { Exchange, requestBytes } from './exchange.js';
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

const REQUEST = requestBytes('echo:9080');

/** How long the last answers may take. */
const LAST_ANSWERS_MS = 2000;
const POLL_MS = 2;

class OpenLoop {
  private readonly latencies = new Histogram();
  private readonly lateness = new Histogram();
  private readonly idle: Exchange[] = [];
  /** Times at which requests were due that found no free connection, oldest first. */
  private readonly late: number[] = [];
  private readonly all: Exchange[] = [];
  private errors = 0;
  private open = 0;
  private sent = 0;
  private done = 0;
  private ended = false;

  constructor(private readonly order: OpenLoopOrder) {}

  async run(): Promise<OpenLoopReport> {
    const { ms, rate } = this.order;
    await this.connect();
    // A proxy's first request on a connection costs more, and there would be more of them than one in a hundred.
    const first = await Promise.all(this.idle.map((exchange) => exchange.request(REQUEST)));
    this.errors += first.filter((ok) => !ok).length;
    const interval = 1000 / rate;
    const { startMs, ended } = await metronome(interval, Math.floor((ms * rate) / 1000), (due) => {
      while (this.sent < due) this.send(startMs + this.sent * interval);
    });
    await ended;
    const limit = performance.now() + LAST_ANSWERS_MS;
    while (this.done < this.sent && performance.now() < limit)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const seconds = (performance.now() - startMs) / 1000;
    this.ended = true;
    for (const { socket } of this.all) socket.destroy();
    const at = (share: number): number => this.latencies.percentileMs(share);
    const missing = this.sent - this.done;
    const percentiles = { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) };
    const latenessP99 = this.lateness.percentileMs(0.99);
    return { requests: this.done, errors: this.errors + missing, seconds, ...percentiles, latenessP99 };
  }

  private connect(): Promise<void> {
    const { connections, port } = this.order;
    return new Promise((resolve) => {
      for (let count = 0; count < connections; count++) {
        const exchange = new Exchange(connect({ host: '127.0.0.1', port, noDelay: true }));
        exchange.socket.once('connect', () => {
          this.idle.push(exchange);
          if (++this.open === connections) resolve();
        });
        exchange.socket.on('close', () => {
          if (!this.ended) this.errors++;
        });
        this.all.push(exchange);
      }
    });
  }

  private send(dueAt: number): void {
    this.sent++;
    this.lateness.record((performance.now() - dueAt) * 1000);
    // The one that was used longest ago, so that all are in use.
    const exchange = this.idle.shift();
    if (exchange === undefined) this.late.push(dueAt);
    else this.ask(exchange, dueAt);
  }

  private ask(exchange: Exchange, dueAt: number): void {
    exchange.send(REQUEST, (ok) => this.answered(exchange, dueAt, ok));
  }

  private answered(exchange: Exchange, dueAt: number, ok: boolean): void {
    this.latencies.record((performance.now() - dueAt) * 1000);
    this.done++;
    if (!ok) this.errors++;
    const next = this.late.shift();
    if (next === undefined) this.idle.push(exchange);
    else this.ask(exchange, next);
  }
}

const ready: LoadReady = { port: await serveHttp1() };
answerOrders(ready, (order: OpenLoopOrder) => new OpenLoop(order).run());
