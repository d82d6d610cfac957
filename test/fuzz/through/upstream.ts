import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Header that the proxy in front writes: who the request is from, behind a word that clients do not know. */
export const MARK = 'x-fuzz-mark';
/** Header of answers: which request they belong to. */
export const NUMBER = 'x-fuzz-number';

/** A request as it arrived behind a proxy. */
export interface Arrived {
  readonly number: number;
  readonly method: string;
  body: string;
  complete: boolean;
}

/** An upstream by Node's own HTTP server. It keeps requests under the connection of the client that they came from. */
export class MarkedUpstream {
  private readonly byClient = new Map<string, Arrived[]>();
  /** What nobody sent: bytes that are no request, or requests that no proxy has marked. */
  readonly strange: string[] = [];
  private readonly server: Server;
  private count = 0;

  constructor(private readonly word: string) {
    this.server = createServer({ keepAliveTimeout: 0, maxHeaderSize: 1 << 20 }, (request, response) =>
      this.onRequest(request, response),
    );
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // A request that its client gave up ends in the middle.
      if (error.code?.startsWith('HPE_') === true && error.code !== 'HPE_INVALID_EOF_STATE')
        this.strange.push(`bytes that are no request: ${error.code} ${error.message}`);
      socket.destroy();
    });
    this.server.on('connect', (request, socket) => {
      this.strange.push(`CONNECT ${request.url}`);
      socket.destroy();
    });
  }

  async start(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** The requests of a client's connection. */
  of(client: string): readonly Arrived[] {
    return this.byClient.get(client) ?? [];
  }

  /** Before another client comes, who may get the port of one that is gone. */
  forget(): void {
    this.byClient.clear();
    this.strange.length = 0;
  }

  private onRequest(request: IncomingMessage, response: ServerResponse): void {
    const marks = request.headersDistinct[MARK] ?? [];
    const [word, client] = marks[0]?.split(' ') ?? [];
    if (marks.length !== 1 || word !== this.word || client === undefined) {
      this.strange.push(`${request.method} ${request.url}, which no proxy has sent`);
    }
    const arrived = { number: this.count++, method: request.method ?? '', body: '', complete: false };
    const list = this.byClient.get(client ?? '') ?? [];
    list.push(arrived);
    this.byClient.set(client ?? '', list);
    request.on('error', () => undefined);
    request.setEncoding('latin1').on('data', (chunk: string) => {
      arrived.body += chunk;
    });
    request.on('end', () => {
      arrived.complete = true;
      response.writeHead(200, { [NUMBER]: arrived.number }).end('ok');
    });
  }
}
