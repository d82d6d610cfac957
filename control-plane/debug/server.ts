import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';

export interface DebugAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Answers one path; the query is what came after `?`. */
export type DebugPage = (query: URLSearchParams) => DebugAnswer | Promise<DebugAnswer>;

export function json(value: unknown, status = 200): DebugAnswer {
  return { status, type: 'application/json', body: `${JSON.stringify(value, undefined, 2)}\n` };
}

export function plain(text: string, status = 200): DebugAnswer {
  return { status, type: 'text/plain; charset=utf-8', body: `${text}\n` };
}

const LOOPBACK_PEER = /^(::ffff:)?127\.|^::1$/;
/** A web page of somebody else's that is led here by DNS has its own name as Host. */
const LOOPBACK_HOST = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/** What monitoring and the kubelet ask from other machines: nothing of it tells one workload about another. */
export const OPEN_TO_ALL: ReadonlySet<string> = new Set(['/ready', '/live', '/metrics', '/version']);

/**
 * The port for metrics and for people: GET only, and from this machine only (a port-forward ends here), but for the paths
 * that are open.
 */
export class DebugServer {
  private readonly server: Server;

  constructor(
    private readonly pages: ReadonlyMap<string, DebugPage>,
    private readonly log: Logger,
    private readonly open: ReadonlySet<string> = new Set(),
  ) {
    this.server = createServer((request, response) => {
      void this.answer(request).then((answer) => send(response, answer));
    });
  }

  /** Resolves with the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        this.server.off('error', reject);
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  /** Never rejects. */
  private async answer(request: IncomingMessage): Promise<DebugAnswer> {
    const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
    if (!this.open.has(path) && !isLocal(request)) return plain('only from this machine', 403);
    if (request.method !== 'GET') return plain('only GET', 405);
    const page = this.pages.get(path);
    if (page === undefined) return plain(`no such page; there are:\n${[...this.pages.keys()].join('\n')}`, 404);
    try {
      return await page(new URLSearchParams(query));
    } catch (error) {
      this.log.error({ err: error, path }, 'a debug page failed');
      return plain(messageOf(error), 500);
    }
  }
}

function isLocal(request: IncomingMessage): boolean {
  return LOOPBACK_PEER.test(request.socket.remoteAddress ?? '') && LOOPBACK_HOST.test(request.headers.host ?? '');
}

function send(response: ServerResponse, answer: DebugAnswer): void {
  response.writeHead(answer.status, { 'content-type': answer.type, 'cache-control': 'no-store' });
  response.end(answer.body);
}
