import { connect } from 'node:net';
import { Exchange, requestBytes } from './exchange.js';
import { Histogram } from './histogram.js';

export interface FanOutOrder {
  readonly port: number;
  /** Calls at once that one request is made of. */
  readonly calls: number;
  /** Requests per second. */
  readonly rate: number;
  readonly ms: number;
}

export interface FanOutReport {
  readonly requests: number;
  readonly calls: number;
  readonly errors: number;
  /** Milliseconds from when a request was due until the last of its calls was answered. */
  readonly p50: number;
  readonly p99: number;
}

/** One service that makes many calls for each request, on connections that it keeps. */
export async function fanOut(order: FanOutOrder): Promise<FanOutReport> {
  const request = requestBytes('echo:9080');
  const idle: Exchange[] = [];
  const all: Exchange[] = [];
  let latencies = new Histogram();
  let errors = 0;
  const open = (): Exchange => {
    const exchange = new Exchange(connect({ host: '127.0.0.1', port: order.port, noDelay: true }));
    all.push(exchange);
    return exchange;
  };
  const due = (at: number): Promise<void> =>
    new Promise((resolve) => {
      let left = order.calls;
      for (let call = 0; call < order.calls; call++) {
        const exchange = idle.pop() ?? open();
        exchange.send(request, (ok) => {
          if (ok) idle.push(exchange);
          else errors++;
          if (--left > 0) return;
          latencies.record((performance.now() - at) * 1000);
          resolve();
        });
      }
    });
  await due(performance.now());
  latencies = new Histogram();
  const started = performance.now();
  const step = 1000 / order.rate;
  const pending: Promise<void>[] = [];
  for (let at = started; at < started + order.ms; at += step) {
    const wait = at - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    // Timers are late by up to a millisecond: that is not the proxy's.
    pending.push(due(Math.max(at, wait > 0 ? performance.now() : at)));
  }
  await Promise.all(pending);
  for (const exchange of all) exchange.socket.destroy();
  const [p50, p99] = [latencies.percentileMs(0.5), latencies.percentileMs(0.99)];
  return { requests: latencies.count, calls: latencies.count * order.calls, errors, p50, p99 };
}
