import { createServer, type Server, type Socket } from 'node:net';

/** HTTP/1.1 on a socket, one request after the other, of bytes made once: for load that is not many small requests at once. */

const HEAD_END = Buffer.from('\r\n\r\n');

export function requestBytes(host: string, body = 0): Buffer {
  const head = `${body === 0 ? 'GET' : 'POST'} /bench/item?id=7 HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: bench/1\r\nAccept: */*\r\n`;
  const length = body === 0 ? '' : `Content-Length: ${body}\r\n`;
  return Buffer.concat([Buffer.from(`${head}${length}\r\n`), Buffer.alloc(body, 'x')]);
}

interface Head {
  readonly bytes: number;
  readonly first: string;
  readonly body: number;
}

/** The head at the start of some bytes; undefined while it is not whole. */
function readHead(data: Buffer): Head | undefined {
  const end = data.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const text = data.toString('latin1', 0, end);
  const body = Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? 0);
  return { bytes: end + HEAD_END.length, first: text.slice(0, text.indexOf('\r\n')), body };
}

/** Cuts what arrives into messages with a Content-Length, without keeping their bodies. */
export class Messages {
  private rest: Buffer | undefined;
  private left = -1;
  private first = '';

  constructor(private readonly onMessage: (firstLine: string) => void) {}

  read(chunk: Buffer): void {
    let data = this.rest === undefined ? chunk : Buffer.concat([this.rest, chunk]);
    this.rest = undefined;
    for (;;) {
      if (this.left < 0) {
        if (data.length === 0) return;
        const head = readHead(data);
        if (head === undefined) {
          this.rest = data;
          return;
        }
        this.left = head.body;
        this.first = head.first;
        data = data.subarray(head.bytes);
      }
      const taken = Math.min(this.left, data.length);
      this.left -= taken;
      data = data.subarray(taken);
      if (this.left > 0) return;
      this.left = -1;
      this.onMessage(this.first);
    }
  }
}

/** An application that answers every request with so many bytes; on every address of this machine with 0.0.0.0. */
export function serveBytes(bytes: number, host = '127.0.0.1'): Promise<Server> {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${bytes}\r\n\r\n`;
  const response = Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, 'x')]);
  const server = createServer({ noDelay: true }, (socket) => {
    const messages = new Messages(() => socket.write(response));
    socket.on('data', (chunk: Buffer) => messages.read(chunk));
    socket.on('error', () => socket.destroy());
  });
  return new Promise((resolve) => server.listen({ port: 0, host, backlog: 4096 }, () => resolve(server)));
}

/** A client's connection: one request at a time, and whether its answer was 200. */
export class Exchange {
  private answered: ((ok: boolean) => void) | undefined;

  constructor(readonly socket: Socket) {
    const messages = new Messages((first) => this.answer(first.startsWith('HTTP/1.1 200')));
    socket.on('data', (chunk: Buffer) => messages.read(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.answer(false));
  }

  send(request: Buffer, answered: (ok: boolean) => void): void {
    if (this.socket.destroyed) {
      answered(false);
      return;
    }
    this.answered = answered;
    this.socket.write(request);
  }

  request(request: Buffer): Promise<boolean> {
    return new Promise((resolve) => this.send(request, resolve));
  }

  private answer(ok: boolean): void {
    const { answered } = this;
    this.answered = undefined;
    answered?.(ok);
  }
}
