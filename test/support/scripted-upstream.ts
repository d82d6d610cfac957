import { STATUS_CODES } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Head, headerOf, parseHead, parseMessage, type WireMessage } from './http-messages.js';

/**
 * One thing that an upstream does: send bytes, wait, end the connection, reset it, send back all that comes from now on,
 * or wait for the request's end (which is done before the first step unless the answer is `early`).
 */
export type Step = string | { readonly wait: number } | 'end' | 'reset' | 'echo' | 'request-end';
export type Answer = { readonly early?: boolean; readonly steps: readonly Step[] };

/** An answer with the length of its body. */
export function answer(status: number, body = '', headers: Readonly<Record<string, string>> = {}): Answer {
  const fields = Object.entries({ 'content-length': String(Buffer.byteLength(body)), ...headers });
  return {
    steps: [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Any'}\r\n${fields.map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n${body}`,
    ],
  };
}

/** What reached an upstream. */
export interface ReceivedRequest extends WireMessage {
  /** Name of the upstream that it reached. */
  readonly at: string;
  /** False when the connection ended before the request did; the body is then what came. */
  readonly complete: boolean;
  /** What came after the request on a connection that sends back. */
  readonly after: string;
}

interface Recording {
  at: string;
  start: string;
  headers: WireMessage['headers'];
  body: string;
  trailers: WireMessage['trailers'];
  complete: boolean;
  after: string;
}

/** The upstreams of one proxy: raw servers that record what they get and answer as the running case says. */
export class ScriptedUpstreams {
  received: ReceivedRequest[] = [];
  /** The answer to the n-th request of the case (from 0) at the upstream of that name. */
  script: (request: ReceivedRequest, index: number) => Answer = () => answer(200);
  /** Connections accepted since the last reset. */
  connections = 0;
  private readonly servers: Server[] = [];
  private readonly sockets = new Set<Socket>();

  /** At a port of 127.0.0.1, or at the path of a Unix socket. */
  async listen(name: string, place: number | string): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.accept(name, socket));
    this.servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      if (typeof place === 'string') server.listen(place, resolve);
      else server.listen(place, '127.0.0.1', resolve);
    });
  }

  reset(script: ScriptedUpstreams['script']): void {
    this.received = [];
    this.connections = 0;
    this.script = script;
  }

  close(): void {
    for (const server of this.servers) server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private accept(name: string, socket: Socket): void {
    this.connections++;
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    new Session(name, socket, this).start();
  }
}

/** One connection: requests one after the other. */
class Session {
  private text = '';
  private head: Head | undefined;
  private recording: Recording | undefined;
  private echoes = false;
  private ended = false;
  private requestDone: (() => void) | undefined;

  constructor(
    private readonly name: string,
    private readonly socket: Socket,
    private readonly upstreams: ScriptedUpstreams,
  ) {}

  start(): void {
    const { socket } = this;
    socket.on('data', (chunk) => {
      if (this.echoes) this.echo(chunk);
      else {
        this.text += chunk.toString('latin1');
        this.read();
      }
    });
    socket.on('end', () => this.close());
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
  }

  private echo(chunk: Buffer): void {
    if (this.recording !== undefined) this.recording.after += chunk.toString('latin1');
    this.socket.write(chunk);
  }

  private close(): void {
    if (this.ended) return;
    this.ended = true;
    if (this.recording?.complete === false && this.head !== undefined)
      this.recording.body = this.text.slice(this.head.end);
    this.requestDone?.();
    this.socket.end();
  }

  private read(): void {
    if (this.head === undefined) {
      this.head = parseHead(this.text, 0);
      if (this.head === undefined) return;
      this.begin(this.head);
    }
    const recording = this.recording;
    if (recording === undefined || recording.complete) return;
    const tunnel = recording.start.startsWith('CONNECT ') || headerOf(recording.headers, 'upgrade') !== undefined;
    const parsed = parseMessage(this.text, this.head, tunnel ? 'none' : 'own', false);
    if (parsed === undefined) return;
    recording.body = parsed.message.body;
    recording.trailers = parsed.message.trailers;
    recording.complete = true;
    this.text = this.text.slice(parsed.end);
    this.requestDone?.();
  }

  private begin(head: Head): void {
    const recording: Recording = {
      at: this.name,
      start: head.start,
      headers: head.headers,
      body: '',
      trailers: [],
      complete: false,
      after: '',
    };
    this.recording = recording;
    const index = this.upstreams.received.push(recording) - 1;
    const done = new Promise<void>((resolve) => {
      this.requestDone = resolve;
    });
    void this.play(this.upstreams.script(recording, index), done);
  }

  private async play(script: Answer, done: Promise<void>): Promise<void> {
    if (script.early !== true) await done;
    for (const step of script.steps) {
      if (this.socket.destroyed) return;
      if (step === 'end') this.socket.end();
      else if (step === 'reset') this.socket.resetAndDestroy();
      else if (step === 'request-end') await done;
      else if (step === 'echo') return this.startEcho();
      else if (typeof step === 'string') this.socket.write(Buffer.from(step, 'latin1'));
      else await delay(step.wait, undefined, { ref: false });
    }
    await done;
    // Broken off: there is no next request.
    if (this.recording?.complete === false) return;
    this.head = undefined;
    this.recording = undefined;
    if (this.text !== '') this.read();
  }

  private startEcho(): void {
    this.echoes = true;
    if (this.text !== '' && this.recording?.complete === true) this.echo(Buffer.from(this.text, 'latin1'));
    this.text = '';
  }
}
