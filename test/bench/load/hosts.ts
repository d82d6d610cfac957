import { connect } from 'node:net';
import { Exchange, requestBytes } from './exchange.js';

export interface HostsOrder {
  readonly port: number;
  readonly connections: number;
  /** Requests go to them in turn. */
  readonly hosts: readonly string[];
  readonly ms: number;
  /** Requests per second; as fast as they are answered without it. */
  readonly rate?: number;
}

export interface HostsReport {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
}

/** Requests to many hosts on a few connections, one at a time on each. */
export async function callHosts({ port, connections, hosts, ms, rate }: HostsOrder): Promise<HostsReport> {
  const requests = hosts.map((host) => requestBytes(host));
  const started = performance.now();
  let sent = 0;
  let answered = 0;
  let errors = 0;
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const exchange = new Exchange(connect({ host: '127.0.0.1', port, noDelay: true }));
      const next = (): void => {
        const now = performance.now() - started;
        if (now >= ms) {
          exchange.socket.destroy();
          resolve();
          return;
        }
        const due = rate === undefined ? 0 : (sent * 1000) / rate - now;
        if (due > 1) {
          setTimeout(next, due);
          return;
        }
        const request = requests[sent++ % requests.length];
        if (request !== undefined) exchange.send(request, hear);
      };
      const hear = (ok: boolean): void => {
        if (ok) answered++;
        else errors++;
        if (exchange.socket.destroyed) resolve();
        else next();
      };
      next();
    });
  await Promise.all(Array.from({ length: connections }, one));
  return { requests: answered, errors, seconds: (performance.now() - started) / 1000 };
}
