import { request } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';

/** What the database says first, as many do: no proxy may wait for the client. */
const GREETING = 'RATINGS 1\n';
const RATINGS = { Reviewer1: 5, Reviewer2: 4 } as const;
const TIMEOUT_MS = 3000;
/** Readings are good for so long, so that not every visit opens a connection. */
const FRESH_MS = 250;

/** The sample's database: greets, and answers each line with the ratings as JSON. */
export function createDatabase(): Server {
  return createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.write(GREETING);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        text = text.slice(end + 1);
        socket.write(`${JSON.stringify(RATINGS)}\n`);
      }
      if (text.length > 1024) socket.destroy();
    });
  });
}

/** Reads ratings over TCP: through a sidecar by CONNECT, or directly where there is none. */
export class DatabaseClient {
  private last: { readonly at: number; readonly ratings: Record<string, number> } | undefined;

  /** `address` is `ratings-db:9042`. */
  constructor(
    private readonly address: string,
    private readonly proxy: URL | undefined,
    private readonly clock: Clock,
  ) {}

  /** Rejects with an Error when the database cannot be asked. */
  async ratings(): Promise<Record<string, number>> {
    const now = this.clock.monotonic();
    if (this.last !== undefined && now - this.last.at < FRESH_MS) return this.last.ratings;
    const ratings = await ask(await this.open());
    this.last = { at: now, ratings };
    return ratings;
  }

  private open(): Promise<Socket> {
    const { proxy, address } = this;
    return new Promise((resolve, reject) => {
      if (proxy === undefined) {
        const [host = '', port = '0'] = address.split(':');
        const socket = connect(Number(port), host, () => resolve(socket));
        socket.once('error', reject);
        return;
      }
      const tunnel = request({
        host: proxy.hostname,
        port: proxy.port,
        method: 'CONNECT',
        path: address,
        timeout: TIMEOUT_MS,
      });
      tunnel.once('connect', (response, socket: Socket, head) => {
        if (response.statusCode !== 200) {
          socket.destroy();
          reject(new Error(`the database answers ${response.statusCode}`));
          return;
        }
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      tunnel.once('response', (response) => reject(new Error(`the database answers ${response.statusCode}`)));
      tunnel.once('timeout', () => tunnel.destroy(new Error('the database does not answer')));
      tunnel.once('error', reject);
      tunnel.end();
    });
  }
}

/** One question on a connection of its own, after the greeting. */
function ask(socket: Socket): Promise<Record<string, number>> {
  return new Promise((resolve, reject) => {
    let text = '';
    let asked = false;
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(TIMEOUT_MS, () => fail(new Error('the database does not answer')));
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('the database closed the connection')));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (!asked && text.includes('\n')) {
        asked = true;
        text = text.slice(text.indexOf('\n') + 1);
        socket.write('GET\n');
      }
      if (!asked || !text.includes('\n')) return;
      socket.removeAllListeners('close').end();
      resolve(JSON.parse(text) as Record<string, number>);
    });
  });
}
