import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../../common/runtime/errors.js';
import { isLoopback, namesLoopback } from '../../common/runtime/local-caller.js';
import type { Logger } from '../../common/runtime/log.js';

export interface DebugAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
  /** Beside the content's type; `cache-control` is no-store unless it stands here. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Comes after the body, until it ends. A reader who goes away ends it. */
  readonly rest?: AsyncIterable<string | Buffer>;
}

/** A part of the port that is asked before its pages: it answers, or admits a caller from another machine to a page. */
export interface DebugSite {
  answer(request: IncomingMessage, path: string, local: boolean): Promise<DebugAnswer | 'admitted' | undefined>;
}

/**
 * Answers one path; the query is what came after `?`. A page whose name ends in `/` has all paths below it, but for those that have
 * pages of their own. The signal says that nobody waits any more.
 */
export type DebugPage = (
  query: URLSearchParams,
  path: string,
  signal: AbortSignal,
) => DebugAnswer | Promise<DebugAnswer>;

export function json(value: unknown, status = 200): DebugAnswer {
  return { status, type: 'application/json', body: `${JSON.stringify(value, undefined, 2)}\n` };
}

export function plain(text: string, status = 200): DebugAnswer {
  return { status, type: 'text/plain; charset=utf-8', body: `${text}\n` };
}

/** What monitoring and the kubelet ask from other machines: nothing of it tells one workload about another. */
export const OPEN_TO_ALL: ReadonlySet<string> = new Set(['/ready', '/live', '/metrics', '/version']);

/** Who asks from elsewhere, by the bearer token of the request: an answer other than undefined refuses. */
export type Admission = (token: string | undefined) => Promise<DebugAnswer | undefined>;

/** What may be asked for from elsewhere with a proof of who asks: the page and its API. */
const BY_TOKEN = /^\/(?:api|dashboard)(?:\/|$)/;

/**
 * The port for metrics and for people: GET only, and from this machine only (a port-forward ends here), but for the paths
 * that are open, and for the page and its API, to which `admit` lets people in.
 */
export class DebugServer {
  private readonly server: Server;

  constructor(
    private readonly pages: ReadonlyMap<string, DebugPage>,
    private readonly log: Logger,
    private readonly open: ReadonlySet<string> = new Set(),
    private readonly admit?: Admission,
    private readonly site?: DebugSite,
  ) {
    this.server = createServer((request, response) => {
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      void this.answer(request, gone.signal).then((answer) => send(response, answer));
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
  private async answer(request: IncomingMessage, signal: AbortSignal): Promise<DebugAnswer> {
    const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
    try {
      const answer = await this.site?.answer(request, path, isLocal(request));
      if (typeof answer === 'object') return answer;
      const refusal = answer === 'admitted' ? undefined : await this.refusal(request, path);
      if (refusal !== undefined) return refusal;
      if (request.method !== 'GET') return plain('only GET', 405);
      const page = this.page(path);
      if (page === undefined) return plain(`no such page; there are:\n${[...this.pages.keys()].join('\n')}`, 404);
      return await page(new URLSearchParams(query), path, signal);
    } catch (error) {
      this.log.error({ err: error, path }, 'a debug page failed');
      return plain(messageOf(error), 500);
    }
  }

  private page(path: string): DebugPage | undefined {
    const exact = this.pages.get(path);
    if (exact !== undefined) return exact;
    for (let at = path.lastIndexOf('/'); at >= 0; at = path.lastIndexOf('/', at - 1)) {
      const below = this.pages.get(path.slice(0, at + 1));
      if (below !== undefined) return below;
      if (at === 0) break;
    }
    return undefined;
  }

  /** Never rejects. */
  private async refusal(request: IncomingMessage, path: string): Promise<DebugAnswer | undefined> {
    if (this.open.has(path) || isLocal(request)) return undefined;
    if (this.admit === undefined || !BY_TOKEN.test(path)) return plain('only from this machine', 403);
    try {
      return await this.admit(/^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1]);
    } catch (error) {
      return plain(`nobody can be let in at the moment: ${messageOf(error)}`, 503);
    }
  }
}

function isLocal(request: IncomingMessage): boolean {
  return isLoopback(request.socket.remoteAddress ?? '') && namesLoopback(request.headers.host ?? '');
}

function send(response: ServerResponse, { status, type, body, headers = {}, rest }: DebugAnswer): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  if (rest === undefined) response.end(body);
  else void stream(response, body, rest);
}

/** Never rejects: what breaks off is broken off for the reader, too. */
async function stream(
  response: ServerResponse,
  body: string | Buffer,
  rest: AsyncIterable<string | Buffer>,
): Promise<void> {
  try {
    response.write(body);
    for await (const part of rest) {
      if (response.destroyed) return;
      if (!response.write(part)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
    response.end();
  } catch {
    response.destroy();
  }
}
