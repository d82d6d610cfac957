import { connect } from 'node:net';
import { Exchange, requestBytes } from './exchange.js';

export interface BodiesOrder {
  readonly port: number;
  readonly connections: number;
  readonly ms: number;
  /** Bytes of a request's body; none for 0. */
  readonly upload: number;
}

export interface BodiesReport {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
}

/** Requests one after the other on each connection. */
export async function exchangeBodies({ port, connections, ms, upload }: BodiesOrder): Promise<BodiesReport> {
  const request = requestBytes('echo:9080', upload);
  const started = performance.now();
  let requests = 0;
  let errors = 0;
  const one = async (): Promise<void> => {
    const exchange = new Exchange(connect({ host: '127.0.0.1', port, noDelay: true }));
    while (performance.now() - started < ms) {
      if (await exchange.request(request)) requests++;
      else {
        errors++;
        break;
      }
    }
    exchange.socket.destroy();
  };
  await Promise.all(Array.from({ length: connections }, one));
  return { requests, errors, seconds: (performance.now() - started) / 1000 };
}
