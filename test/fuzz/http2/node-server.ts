import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { FRAME } from '../../../proxy/http2/constants.js';
import { frame } from '../../../proxy/http2/testing.js';

/** A request as Node's HTTP/2 server (nghttp2) read it. */
export interface NodeRequest {
  readonly start: string;
  body: string;
  complete: boolean;
}

const PING = Buffer.from('fuzzping');
/** For what swallows the PING, ms. */
const SILENCE_MS = 20;

/** `node:http2` as another reader of what a client sends. */
export class NodeHttp2 {
  private requests = new Map<number, NodeRequest>();
  private readonly sessions = new Set<ServerHttp2Session>();
  private readonly server = createServer();

  constructor() {
    this.server.on('session', (session) => {
      this.sessions.add(session);
      session.on('error', ignore);
      session.on('close', () => this.sessions.delete(session));
    });
    this.server.on('sessionError', ignore);
    this.server.on('stream', (stream, headers) => {
      const method = headers[':method'] ?? '';
      const target = method === 'CONNECT' ? headers[':authority'] : headers[':path'];
      this.onStream(stream, { start: `${method} ${target}`, body: '', complete: false });
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    for (const session of this.sessions) session.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** The requests in the bytes of a connection, by stream. */
  read(input: Buffer): Promise<ReadonlyMap<number, NodeRequest>> {
    const requests = new Map<number, NodeRequest>();
    this.requests = requests;
    return new Promise((resolve) => {
      const socket = connect({ port: (this.server.address() as AddressInfo).port, host: '127.0.0.1' });
      const done = (): void => void socket.destroy();
      let silence: NodeJS.Timeout | undefined;
      socket.on('connect', () => {
        socket.write(Buffer.concat([input, frame(FRAME.PING, 0, 0, PING)]));
        silence = setTimeout(done, SILENCE_MS);
      });
      socket.on('error', ignore);
      socket.on('data', (chunk: Buffer) => {
        if (chunk.includes(PING)) setImmediate(() => setImmediate(done));
      });
      socket.on('close', () => {
        clearTimeout(silence);
        resolve(requests);
      });
    });
  }

  private onStream(stream: ServerHttp2Stream, request: NodeRequest): void {
    this.requests.set(stream.id ?? 0, request);
    stream.on('error', ignore);
    stream.setEncoding('latin1').on('data', (chunk: string) => {
      request.body += chunk;
    });
    stream.on('end', () => {
      request.complete = !stream.aborted && stream.rstCode === 0;
      if (!stream.destroyed && !stream.headersSent) stream.respond({ ':status': 200 }, { endStream: true });
    });
  }
}

function ignore(): void {}
