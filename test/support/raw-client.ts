import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { parseHead, parseMessage, type WireMessage } from './http-messages.js';

/** Bytes to send (Latin-1), a pause in ms, a wait until that text or so many answers have come, the end of our side, or an abort. */
export type Send =
  | string
  | Buffer
  | { readonly wait: number }
  | { readonly until: string }
  | { readonly answers: number }
  | 'end'
  | 'abort';

export interface RawRequest {
  readonly send: readonly Send[];
  /** Final answers to wait for; 1 when left out. 0: until the connection is closed. */
  readonly responses?: number;
  /** TLS, and the client's side of it. */
  readonly tls?: ConnectionOptions;
  /** Address of ours that the connection comes from. */
  readonly localAddress?: string;
  /** Methods of the requests, where an answer's framing depends on them. */
  readonly methods?: readonly string[];
  /** Bytes that must come after the last answer (of a tunnel) before the exchange is over. */
  readonly tail?: string;
  readonly timeoutMs?: number;
  /** Time after the last answer in which a proxy that closes is seen to do so; 60 ms when left out. */
  readonly settleMs?: number;
}

export interface RawResult {
  /** Answers, the informational ones too; the last may be broken off, as `rest` then says. */
  readonly responses: readonly WireMessage[];
  /** What came and is no whole answer. */
  readonly rest: string;
  /** What came of the handshake: version, protocol by ALPN, names of the server's certificate. */
  readonly secured?: string;
  /** How the proxy left the connection shortly after the last answer. */
  readonly connection: 'open' | 'closed' | 'reset' | 'no-answer';
}

/** Time after the last answer in which a proxy that closes has done so. */
const SETTLE_MS = 60;
/** A proxy that said `connection: close` gets longer. */
const CLOSING_MS = 3000;

/** One connection of a client that knows no HTTP but enough to find where answers end. */
export async function exchange(port: number, request: RawRequest): Promise<RawResult> {
  const { localAddress = '127.0.0.1' } = request;
  const place = { port, host: '127.0.0.1', localAddress, allowHalfOpen: true, noDelay: true };
  let secured: string | undefined;
  const overTls = request.tls === undefined ? undefined : connectTls({ ...place, ...request.tls });
  overTls?.on('secureConnect', () => {
    secured = describe(overTls);
  });
  const socket = overTls ?? connect(place);
  let text = '';
  let state = 'open' as 'open' | 'closed' | 'reset';
  let wake: () => void = () => undefined;
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    wake();
  });
  socket.on('end', () => {
    if (state === 'open') state = 'closed';
    wake();
  });
  socket.on('error', () => {
    state = 'reset';
    wake();
  });
  const deadline = Date.now() + (request.timeoutMs ?? 8000);
  const until = async (condition: () => boolean, limit = deadline): Promise<boolean> => {
    while (!condition()) {
      const left = limit - Date.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  };
  const methods = request.methods ?? [];
  const sending = (async () => {
    for (const item of request.send) {
      if (socket.destroyed) return;
      if (item === 'end') socket.end();
      else if (item === 'abort') socket.resetAndDestroy();
      else if (typeof item === 'string') socket.write(Buffer.from(item, 'latin1'));
      else if (Buffer.isBuffer(item)) socket.write(item);
      else if ('wait' in item) await delay(item.wait);
      else if ('until' in item) await until(() => text.includes(item.until) || state !== 'open');
      else {
        const wanted = item.answers;
        await until(() => finals(parseAll(text, methods, false).responses) >= wanted || state !== 'open');
      }
    }
  })();
  await sending;
  const wanted = request.responses ?? 1;
  const enough = (): boolean => {
    const parsed = parseAll(text, methods, false);
    const tail = request.tail === undefined || parsed.rest.includes(request.tail);
    return wanted > 0 && finals(parsed.responses) >= wanted && tail;
  };
  const answered = await until(() => socket.destroyed || state !== 'open' || enough());
  if (state === 'open' && answered) {
    const last = parseAll(text, methods, false).responses.at(-1);
    const closing = last?.headers.some(([name, value]) => /^connection$/i.test(name) && /close/i.test(value)) === true;
    await until(() => state !== 'open', Date.now() + (closing ? CLOSING_MS : (request.settleMs ?? SETTLE_MS)));
  }
  const result = parseAll(text, methods, state !== 'open');
  socket.destroy();
  return { ...result, ...(secured !== undefined && { secured }), connection: answered ? state : 'no-answer' };
}

function describe(socket: TLSSocket): string {
  const { alpnProtocol } = socket;
  const protocol = typeof alpnProtocol === 'string' ? alpnProtocol : 'none';
  return `${socket.getProtocol() ?? ''} ${protocol} ${socket.getPeerX509Certificate()?.subjectAltName ?? ''}`;
}

function finals(responses: readonly WireMessage[]): number {
  return responses.filter((response) => !/^\S+ 1(?!01)\d\d/.test(response.start)).length;
}

function parseAll(text: string, methods: readonly string[], closed: boolean): Pick<RawResult, 'responses' | 'rest'> {
  const responses: WireMessage[] = [];
  let at = 0;
  for (;;) {
    const head = parseHead(text, at);
    if (head === undefined) break;
    const status = Number(head.start.split(' ')[1]);
    const method = methods[finals(responses)] ?? 'GET';
    const tunnel = status === 101 || (method === 'CONNECT' && status >= 200 && status < 300);
    const bare = status < 200 || status === 204 || status === 304 || method === 'HEAD' || tunnel;
    const parsed = parseMessage(text, head, bare ? 'none' : 'close', closed);
    if (parsed === undefined) {
      if (!closed) break;
      return {
        responses: [
          ...responses,
          { start: head.start, headers: head.headers, body: text.slice(head.end), trailers: [] },
        ],
        rest: '<broken off>',
      };
    }
    responses.push(parsed.message);
    at = parsed.end;
    if (tunnel) break;
  }
  return { responses, rest: text.slice(at) };
}
