import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { messageOf, WeftError } from '../../common/runtime/errors.js';
import { isCrossSite, isLoopback, namesLoopback } from '../../common/runtime/local-caller.js';
import { type Answer, COMMANDS, commandList, setLogging } from './commands.js';
import type { AdminSources } from './sources.js';

/** The running admin server. */
export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves the admin port. It can stop the proxy and shows its configuration, so it listens on loopback only; another
 * address, or one that is taken, rejects with a WeftError.
 */
export async function startAdmin(
  address: { readonly host: string; readonly port: number },
  sources: AdminSources,
): Promise<AdminServer> {
  if (!isLoopback(address.host)) throw failure(`the admin address ${address.host} is not a loopback address`, false);
  const server = createServer((request, response) => {
    void answer(request, sources).then(
      (result) => send(response, result, request.method === 'HEAD'),
      (error: unknown) => send(response, { status: 500, type: 'text', body: `${messageOf(error)}\n` }, false),
    );
  });
  await listen(server, address);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function failure(message: string, retryable: boolean, cause?: unknown): WeftError {
  return new WeftError(message, { source: 'admin', retryable, ...(cause !== undefined && { cause }) });
}

async function listen(server: Server, address: { readonly host: string; readonly port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(failure(`cannot listen on ${address.host}:${address.port}: ${error.message}`, true, error));
    });
    server.listen(address.port, address.host, resolve);
  });
}

async function answer(request: IncomingMessage, sources: AdminSources): Promise<Answer> {
  const { method = 'GET' } = request;
  const [path = '/', search = ''] = (request.url ?? '/').split('?', 2);
  const { host } = request.headers;
  if (host !== undefined && !namesLoopback(host))
    return { status: 403, type: 'text', body: 'only by the name or an address of this machine\n' };
  // A page in a browser on this machine could otherwise stop the proxy by a form that posts here.
  if (method !== 'GET' && isCrossSite(request.headers))
    return { status: 403, type: 'text', body: 'cross-origin request refused\n' };
  const command = Object.hasOwn(COMMANDS, path) ? COMMANDS[path] : undefined;
  if (command === undefined)
    return { status: 404, type: 'text', body: `invalid path. admin commands are:\n${commandList()}` };
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') return notAllowed(method, 'GET');
  if (command.mutates === true && method !== 'POST') return notAllowed(method, 'POST');
  const query = new URLSearchParams(search);
  if (path === '/logging' && method === 'POST') return setLogging(sources, query);
  return command.run(sources, query);
}

function notAllowed(method: string, required: string): Answer {
  return { status: 405, type: 'text', body: `Method ${method} not allowed, ${required} required.` };
}

const CONTENT_TYPES = {
  text: 'text/plain; charset=UTF-8',
  json: 'application/json',
  html: 'text/html; charset=UTF-8',
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
} as const;

function send(response: ServerResponse, result: Answer, headOnly: boolean): void {
  response.writeHead(result.status, {
    'content-type': CONTENT_TYPES[result.type],
    'cache-control': 'no-cache, max-age=0',
    'x-content-type-options': 'nosniff',
  });
  if (result.after !== undefined) response.once('finish', result.after);
  if (headOnly) {
    response.end();
    return;
  }
  if (typeof result.body !== 'string') {
    // Broken off by whoever reads: nothing is left to tell.
    pipeline(result.body, response).catch(() => undefined);
    return;
  }
  if (result.stream === undefined) {
    response.end(result.body);
    return;
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.write(result.body);
  const end = (): void => {
    response.end();
  };
  // Who reads slower than we write loses nothing but what would pile up.
  result.stream((text) => void (response.writableNeedDrain || response.write(text)), gone.signal).then(end, end);
}
